# DuckDB, which the workspace is made with (src/workspace): the system's where there is one, else the one that script/get-duckdb
# lays down in build/deps, for all build folders. A build goes on without it, and its workspace then answers that it is not
# built (src/workspace/absent.c). Sets DUCKDB to the library, or to nothing.
set(PENSTOCK_DUCKDB auto CACHE STRING
    "where DuckDB comes from: auto, system, npm, or off for a build without workspace")
set_property(CACHE PENSTOCK_DUCKDB PROPERTY STRINGS auto system npm off)
set(DUCKDB "")
set(DUCKDB_IS_OWN OFF)
unset(DUCKDB_INCLUDE CACHE)
unset(DUCKDB_LIBRARY CACHE)
set(why "PENSTOCK_DUCKDB is off")

if(PENSTOCK_DUCKDB MATCHES "^(auto|system)$")
    find_path(DUCKDB_INCLUDE duckdb.h)
    find_library(DUCKDB_LIBRARY duckdb)
    if(DUCKDB_INCLUDE AND DUCKDB_LIBRARY)
        set(DUCKDB ${DUCKDB_LIBRARY})
    endif()
    set(why "the system has no libduckdb with duckdb.h")
endif()
if(NOT DUCKDB AND PENSTOCK_DUCKDB MATCHES "^(auto|npm)$")
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/script/get-duckdb RESULT_VARIABLE failed
                    ERROR_VARIABLE why ERROR_STRIP_TRAILING_WHITESPACE)
    if(NOT failed)
        set(DUCKDB ${CMAKE_SOURCE_DIR}/build/deps/duckdb/lib/libduckdb.so)
        set(DUCKDB_INCLUDE ${CMAKE_SOURCE_DIR}/build/deps/duckdb/include)
        set(DUCKDB_IS_OWN ON)
    endif()
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${CMAKE_SOURCE_DIR}/script/get-duckdb ${CMAKE_SOURCE_DIR}/cmake/duckdb/packages)

if(DUCKDB)
    add_library(duckdb SHARED IMPORTED)
    set_target_properties(duckdb PROPERTIES IMPORTED_LOCATION ${DUCKDB})
    target_include_directories(duckdb SYSTEM INTERFACE ${DUCKDB_INCLUDE})
    message(STATUS "DuckDB: ${DUCKDB}")
elseif(PENSTOCK_DUCKDB STREQUAL "off")
    message(STATUS "DuckDB: off, this build has no workspace")
else()
    message(WARNING "DuckDB could not be had, so this build has no workspace: ${why}\n"
                    "Run script/setup (it installs npm, which fetches DuckDB) and cmake again; "
                    "-DPENSTOCK_DUCKDB=off makes this message go away.")
endif()
