// Makes queries from a seed and says of each what Microsoft's own binder (npm @kusto/language-service-next)
// makes of it: a JSON line {id, kind, query, accepted, codes, columns:[{name,type}]} each.
//
//   node oracle.js SEED COUNT        operator and function matrices, then COUNT pipelines
//   node oracle.js --query 'TEXT'    one query of yours
//
// Queries carry their tables with them, so that both sides know the same names.
'use strict';
const path = process.env.KQL_ORACLE || '@kusto/language-service-next';
require(path + '/bridge.js');
require(path + '/Kusto.Language.Bridge.js');
const L = Kusto.Language;

const HEAD =
  'let T = datatable(b:bool, i:int, l:long, r:real, d:decimal, s:string, t:datetime, ts:timespan, g:guid, o:dynamic)[];\n' +
  'let U = datatable(l:long, s:string, x:real, t:datetime, o:dynamic)[];\n';
const COLUMNS = { bool: 'b', int: 'i', long: 'l', real: 'r', decimal: 'd', string: 's', datetime: 't',
                  timespan: 'ts', guid: 'g', dynamic: 'o' };
const TYPES = Object.keys(COLUMNS);

function judge(query) {
  try {
    return reallyJudge(query);
  } catch (fault) { // a fault of the oracle's own: says nothing
    return null;
  }
}
function reallyJudge(query) {
  const code = L.KustoCode.ParseAndAnalyze(query, L.GlobalState.Default);
  const found = code.GetDiagnostics();
  const codes = [], columns = [];
  for (let k = 0; k < found.Count; k++) {
    const one = found.getItem(k);
    if (one.Severity === 'Error') codes.push(one.Code + ' ' + one.Message);
  }
  const result = code.ResultType;
  if (codes.length === 0 && result && result.Columns) {
    const all = result.Columns;
    const count = all.Count !== undefined ? all.Count : all.length;
    for (let k = 0; k < count; k++) {
      const c = all.getItem ? all.getItem(k) : all[k];
      columns.push({ name: c.Name, type: c.Type.Name });
    }
  }
  return { accepted: codes.length === 0, codes: codes, columns: columns };
}

let id = 0;
function say(kind, query) {
  const judged = judge(query);
  if (judged === null) return;
  const line = Object.assign({ id: ++id, kind: kind, query: query }, judged);
  process.stdout.write(JSON.stringify(line) + '\n');
}

// ---- chance ----
let state = 1;
function random() { // mulberry32
  state = (state + 0x6D2B79F5) | 0;
  let z = Math.imul(state ^ (state >>> 15), 1 | state);
  z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
  return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
}
const below = n => Math.floor(random() * n);
const pick = list => list[below(list.length)];
const chance = p => random() < p;

// ---- matrices ----
const BINARY = ['==', '!=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '%', 'and', 'or', '=~', '!~', 'has', '!has',
  'has_cs', '!has_cs', 'hasprefix', '!hasprefix', 'hasprefix_cs', 'hassuffix', 'hassuffix_cs', 'contains', '!contains',
  'contains_cs', 'startswith', '!startswith', 'startswith_cs', 'endswith', '!endswith', 'endswith_cs', 'matches regex'];
const LISTS = ['in', '!in', 'in~', '!in~', 'has_any', 'has_all'];

function operators() {
  for (const op of BINARY)
    for (const a of TYPES) for (const b of TYPES) {
      const right = op === 'matches regex' && b === 'string' ? '"a.*"' : COLUMNS[b];
      say('operator', `${HEAD}T | project v = ${COLUMNS[a]} ${op} ${right}`);
    }
  for (const op of LISTS)
    for (const a of TYPES) for (const b of TYPES)
      say('operator', `${HEAD}T | project v = ${COLUMNS[a]} ${op} (${COLUMNS[b]}, ${literal(b)})`);
  for (const a of TYPES) for (const b of TYPES) {
    say('operator', `${HEAD}T | project v = ${COLUMNS[a]} between (${COLUMNS[b]} .. ${literal(b)})`);
    say('operator', `${HEAD}T | project v = iff(b, ${COLUMNS[a]}, ${COLUMNS[b]})`);
    say('operator', `${HEAD}T | project v = coalesce(${COLUMNS[a]}, ${COLUMNS[b]})`);
    say('operator', `${HEAD}T | project v = max_of(${COLUMNS[a]}, ${COLUMNS[b]})`);
  }
  for (const a of TYPES) {
    say('operator', `${HEAD}T | project v = -${COLUMNS[a]}`);
    say('operator', `${HEAD}T | where ${COLUMNS[a]}`);
    say('operator', `${HEAD}T | summarize by ${COLUMNS[a]}`);
    say('operator', `${HEAD}T | sort by ${COLUMNS[a]} asc`);
    say('operator', `${HEAD}T | distinct ${COLUMNS[a]}`);
    say('operator', `${HEAD}T | project v = ${COLUMNS[a]}[0], w = ${COLUMNS[a]}["k"]`);
    say('operator', `${HEAD}T | project ${COLUMNS[a]}.k`);
    for (const b of TYPES) say('operator', `${HEAD}T | join kind=inner (U | project v = ${b === 'long' ? 'l' : b === 'string' ? 's' : b === 'real' ? 'x' : b === 'datetime' ? 't' : 'o'}) on $left.${COLUMNS[a]} == $right.v`);
  }
}

// Each scalar function and aggregate with each type in each place, and with too few and too many arguments.
const SKIP = new Set(['cluster', 'database', 'table', 'external_table', 'materialized_view', 'stored_query_result',
  'graph', 'entity_group', 'toscalar', 'totable', 'materialize', 'rand', 'row_number', 'prev', 'next', 'row_cumsum',
  'row_rank_min', 'row_rank_dense', 'row_window_session', 'inner_nodes', 'labels', 'map', 'all', 'any',
  'node_degree_in', 'node_degree_out', 'node_id', 'edge_id']);
function usable(list, allowed) {
  const out = [];
  for (let k = 0; k < list.length; k++) {
    const f = list[k];
    if (!SKIP.has(f.Name) && !f.IsHidden && (!allowed || allowed.has(f.Name))) out.push(f);
  }
  return out;
}
const FITS = { bool: ['bool'], int: ['int', 'long'], long: ['long', 'int'], real: ['real', 'long', 'int'],
  decimal: ['decimal'], string: ['string'], datetime: ['datetime'], timespan: ['timespan'], guid: ['guid'],
  dynamic: ['dynamic'] };
function parameterTypes(p) {
  const declared = p.DeclaredTypes;
  const names = [];
  const count = declared ? (declared.Count !== undefined ? declared.Count : declared.length) : 0;
  for (let k = 0; k < count; k++) names.push((declared.getItem ? declared.getItem(k) : declared[k]).Name);
  if (names.length) return names.filter(n => FITS[n]);
  switch (System.Enum.toString(L.Symbols.ParameterTypeKind, p.TypeKind)) {
  case 'Integer': return ['long', 'int'];
  case 'Number': case 'RealOrDecimal': return ['real', 'long', 'int', 'decimal'];
  case 'Summable': return ['long', 'real', 'timespan', 'decimal', 'datetime'];
  case 'StringOrDynamic': return ['string', 'dynamic'];
  case 'DynamicArray': case 'DynamicBag': case 'DynamicArrayOrBag': return ['dynamic'];
  case 'NotDynamic': case 'NotRealOrBool': case 'Orderable': case 'NotBool':
    return TYPES.filter(n => n !== 'dynamic' && n !== 'bool' && n !== 'guid');
  default: return TYPES;
  }
}
// Text that means something to the function: the oracle does not look inside, the engine does.
const MEANT = { regex: '"(a+)"', lookup_regex: '"(a+)"', path: '"$.a"', jsonpath: '"$.a"', format: '"yyyy-MM-dd"',
                period: '"day"', part: '"day"', timezone: '"UTC"', to_timezone: '"UTC"', from_timezone: '"UTC"' };
function argument(p, type) {
  const kind = System.Enum.toString(L.Symbols.ArgumentKind, p.ArgumentKind);
  const name = System.Enum.toString(L.Symbols.ParameterTypeKind, p.TypeKind);
  if (/type/.test(name) || (p.DeclaredTypes && p.DeclaredTypes.Count === 1 && p.DeclaredTypes.getItem(0).Name === 'type'))
    return 'typeof(long)';
  if (type === 'string' && MEANT[p.Name.toLowerCase()]) return MEANT[p.Name.toLowerCase()];
  if (/Literal|Constant/.test(kind)) return literal(type);
  return COLUMNS[type];
}
function functions(list, before, after, allowed) {
  for (const f of usable(list, allowed)) {
    for (let k = 0; k < f.Signatures.Count; k++) {
      const parameters = f.Signatures.getItem(k).Parameters;
      const ps = [];
      for (let n = 0; n < parameters.Count; n++) ps.push(parameters.getItem(n));
      const first = ps.map(p => argument(p, parameterTypes(p)[0] || 'dynamic'));
      const call = args => say('function', `${HEAD}${before}${f.Name}(${args.join(', ')})${after}`);
      const least = ps.filter(p => !p.IsOptional).length;
      call(first);
      if (least < ps.length) call(first.slice(0, least));
      if (least > 0) call(first.slice(0, least - 1));
      call(first.concat(['l', 's']));
      for (let n = 0; n < ps.length && n < 4; n++)
        for (const type of TYPES) {
          const args = first.slice();
          args[n] = argument(ps[n], type);
          call(args);
        }
    }
  }
}

// ---- pipelines ----
function literal(type) {
  switch (type) {
  case 'bool': return pick(['true', 'false']);
  case 'int': return `int(${below(100)})`;
  case 'long': return pick(['0', '1', '42', '0x1F', '1000000']);
  case 'real': return pick(['1.5', '0.0', '2e3', 'real(nan)']);
  case 'decimal': return 'decimal(1.25)';
  case 'string': return pick(['"a"', "'b c'", '@"c:\\d"', 'h"x"', '""']);
  case 'datetime': return pick(['datetime(2024-01-01)', 'datetime(2024-05-06 07:08:09)', 'now()', 'ago(1d)']);
  case 'timespan': return pick(['1h', '5m', 'timespan(1.02:03:04)', '30s']);
  case 'guid': return 'guid(74be27de-1e4e-49d9-b579-fe0b331d3642)';
  default: return pick(['dynamic([1,2])', 'dynamic({"a":1})', 'dynamic(null)']);
  }
}
// Expressions of a wanted type, over columns {name, type}; now and then of another one.
const MAKERS = {
  bool: [e => `${e('long')} ${pick(['==', '!=', '<', '>='])} ${e('long')}`, e => `${e('string')} ${pick(['has', 'contains', 'startswith_cs', '==', '=~', 'endswith'])} ${e('string')}`,
         e => `(${e('bool')} and ${e('bool')})`, e => `(${e('bool')} or ${e('bool')})`, e => `not(${e('bool')})`,
         e => `${e('string')} in (${e('string')}, "z")`, e => `isempty(${e('string')})`, e => `isnull(${e('long')})`,
         e => `${e('datetime')} between (datetime(2024-01-01) .. ${e('datetime')})`, e => `${e('string')} matches regex "a+"`],
  int: [e => `toint(${e('string')})`, e => `getyear(${e('datetime')})`, e => `hourofday(${e('datetime')})`],
  long: [e => `(${e('long')} ${pick(['+', '-', '*', '/', '%'])} ${e('long')})`, e => `strlen(${e('string')})`, e => `tolong(${e('string')})`,
         e => `array_length(${e('dynamic')})`, e => `bin(${e('long')}, 10)`, e => `iff(${e('bool')}, ${e('long')}, ${e('long')})`,
         e => `indexof(${e('string')}, "a")`, e => `datetime_diff('day', ${e('datetime')}, ${e('datetime')})`],
  real: [e => `(${e('real')} ${pick(['+', '-', '*', '/'])} ${e('real')})`, e => `sqrt(${e('real')})`, e => `todouble(${e('string')})`,
         e => `round(${e('real')}, 2)`, e => `(${e('timespan')} / 1h)`],
  decimal: [e => `todecimal(${e('string')})`, e => `(${e('decimal')} + ${e('decimal')})`],
  string: [e => `strcat(${e('string')}, ${e('long')})`, e => `tostring(${e('dynamic')})`, e => `tolower(${e('string')})`,
           e => `substring(${e('string')}, 1, 2)`, e => `case(${e('bool')}, ${e('string')}, ${e('string')})`,
           e => `extract("(a)", 1, ${e('string')})`, e => `replace_string(${e('string')}, "a", "b")`, e => `tostring(${e('datetime')})`,
           e => `format_datetime(${e('datetime')}, "yyyy-MM")`, e => `hash_sha256(${e('string')})`],
  datetime: [e => `startofday(${e('datetime')})`, e => `(${e('datetime')} + ${e('timespan')})`, e => `todatetime(${e('string')})`,
             e => `bin(${e('datetime')}, 1h)`, e => `datetime_add('day', 1, ${e('datetime')})`],
  timespan: [e => `(${e('datetime')} - ${e('datetime')})`, e => `totimespan(${e('string')})`, e => `(${e('timespan')} * 2)`],
  guid: [e => `toguid(${e('string')})`],
  dynamic: [e => `parse_json(${e('string')})`, e => `pack_array(${e('long')}, ${e('string')})`, e => `bag_pack("k", ${e('real')})`,
            e => `split(${e('string')}, ",")`, e => `${e('dynamic')}.k`, e => `${e('dynamic')}[0]`],
};
function expression(columns, type, depth) {
  if (chance(0.02)) type = pick(TYPES);
  const own = columns.filter(c => c.type === type);
  if (depth <= 0 || chance(0.4)) return own.length && chance(0.75) ? pick(own).name : literal(type);
  return pick(MAKERS[type])(wanted => expression(columns, wanted, depth - 1));
}
const AGGREGATES = [
  [c => 'count()', 'long'], [c => `sum(${expression(c, 'long', 1)})`, 'long'], [c => `avg(${expression(c, 'real', 1)})`, 'real'],
  [c => `max(${expression(c, 'datetime', 1)})`, 'datetime'], [c => `min(${expression(c, 'long', 0)})`, 'long'],
  [c => `dcount(${expression(c, 'string', 1)})`, 'long'], [c => `countif(${expression(c, 'bool', 1)})`, 'long'],
  [c => `make_set(${expression(c, 'string', 1)})`, 'dynamic'], [c => `make_list(${expression(c, 'long', 1)}, 10)`, 'dynamic'],
  [c => `percentile(${expression(c, 'real', 0)}, 95)`, 'real'], [c => `sumif(${expression(c, 'long', 0)}, ${expression(c, 'bool', 1)})`, 'long'],
  [c => `take_any(${pick(c).name})`, null], [c => `arg_max(${expression(c, 'datetime', 0)}, *)`, null],
  [c => `arg_min(${expression(c, 'long', 0)}, ${pick(c).name})`, null], [c => `percentiles(${expression(c, 'long', 0)}, 50, 99.9)`, null],
  [c => `stdev(${expression(c, 'real', 0)})`, 'real'], [c => `sum(${expression(c, 'long', 0)}) / count()`, 'long'],
];
let fresh = 0;
const named = () => `n${++fresh}`;
const maybeNamed = text => chance(0.6) ? `${named()} = ${text}` : text;
function operator(columns) {
  const any = depth => expression(columns, pick(TYPES), depth);
  const column = () => pick(columns).name;
  switch (below(27)) {
  case 0: case 1: case 2: return `where ${expression(columns, 'bool', 3)}`;
  case 3: case 4: return `extend ${maybeNamed(any(2))}, ${maybeNamed(any(2))}`;
  case 5: case 6: return `project ${maybeNamed(any(2))}, ${column()}, ${maybeNamed(any(1))}`;
  case 7: return `project-away ${chance(0.3) ? column()[0] + '*' : column()}`;
  case 8: return `project-keep ${column()}, ${column()[0]}*`;
  case 9: return `project-rename ${named()} = ${column()}`;
  case 10: return `project-reorder ${column()}, *${chance(0.5) ? ' asc' : ''}`;
  case 11: case 12: case 13: {
    const keys = chance(0.7) ? ' by ' + [maybeNamed(any(1)), column(), 'bin(t, 1h)'].slice(0, 1 + below(3)).join(', ') : '';
    const list = [];
    for (let k = 0; k <= below(3); k++) list.push(maybeNamed(pick(AGGREGATES)[0](columns)));
    return `summarize ${list.join(', ')}${keys}`;
  }
  case 14: return `sort by ${any(1)} ${pick(['asc', 'desc', '', 'asc nulls last'])}, ${column()}`;
  case 15: return `top ${1 + below(9)} by ${any(1)}`;
  case 16: return pick(['take 5', 'limit 3', 'count', 'getschema', 'distinct *', 'serialize rn = row_number()', 'sample 3', 'as X']);
  case 17: return `distinct ${column()}, ${any(1)}`;
  case 18: return `join kind=${pick(['inner', 'innerunique', 'leftouter', 'rightouter', 'fullouter', 'leftsemi', 'leftanti', 'rightanti', 'rightsemi'])} (U) on ${pick(['l', 's', '$left.l == $right.l', 't', '$left.s == $right.s, l'])}`;
  case 19: return `lookup ${chance(0.5) ? 'kind=inner ' : ''}(U) on ${pick(['l', 's', '$left.l == $right.l'])}`;
  // not kind=inner: this binder gives every column, the documented result has the common ones only
  case 20: return `union ${pick(['', 'kind=outer ', 'withsource=src '])}U`;
  case 21: return `mv-expand ${chance(0.5) ? named() + ' = ' : ''}${expression(columns, 'dynamic', 1)}${chance(0.3) ? ' to typeof(string)' : ''}`;
  case 22: return `parse ${chance(0.2) ? 'kind=relaxed ' : ''}${expression(columns, 'string', 0)} with * "a=" ${named()}:long "" *`;
  case 23: return `mv-apply ${named()} = ${expression(columns, 'dynamic', 0)} on (${pick(['take 1', 'summarize c = count()', 'where isnotnull(l)', 'project z = 1'])})`;
  case 24: return `make-series ${maybeNamed('count()')} default=0 on t from datetime(2024-01-01) to datetime(2024-01-02) step 1h by ${column()}`;
  case 25: return `top-nested 3 of ${column()} by ${maybeNamed('count()')}, top-nested 2 of ${column()} by max(${expression(columns, 'long', 0)})`;
  default: return `parse-kv ${expression(columns, 'string', 0)} as (${named()}:long, ${named()}:string) with (pair_delimiter=";", kv_delimiter="=")`;
  }
}
const BOTH = { T: TYPES.map(n => ({ name: COLUMNS[n], type: n })),
               U: [['l', 'long'], ['s', 'string'], ['x', 'real'], ['t', 'datetime'], ['o', 'dynamic']].map(([name, type]) => ({ name, type })) };
function pipeline() {
  const table = chance(0.8) ? 'T' : 'U';
  let text = HEAD + table, columns = BOTH[table];
  fresh = 0;
  for (let k = 0, n = 1 + below(5); k < n; k++) {
    text += '\n| ' + operator(columns);
    const now = judge(text); // later operators use the columns that are there
    if (now === null || !now.accepted) break;
    columns = now.columns.filter(c => /^[A-Za-z_]\w*$/.test(c.name) && TYPES.includes(c.type));
    if (columns.length === 0) break;
  }
  say('pipeline', text);
}

if (process.argv[2] === '--query') {
  console.log(JSON.stringify(judge(process.argv[3]), null, 1));
} else {
  state = Number(process.argv[2] || 1);
  operators();
  functions(L.Functions.All, 'T | project v = ', '');
  functions(L.Aggregates.All, 'T | summarize v = ', '');
  for (let k = 0, n = Number(process.argv[3] || 2000); k < n; k++) pipeline();
}
