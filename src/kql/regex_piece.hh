/* regex_piece.hh - RE2's view of text, for the files that see C++: re2::StringPiece in older
 * versions, std's or absl's string_view in newer. */
#pragma once
#include <re2/re2.h>

namespace kql
{

template <class F> struct match_piece;
template <class T>
struct match_piece<bool (RE2::*)(const T &, size_t, size_t, RE2::Anchor, T *, int) const> {
    using type = T;
};
template <class T>
struct match_piece<bool (RE2::*)(T, size_t, size_t, RE2::Anchor, T *, int) const> {
    using type = T;
};
using piece = match_piece<decltype(&RE2::Match)>::type;

} // namespace kql
