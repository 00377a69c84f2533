// Attention in tiles of workgroup memory; formulas, shapes and care in `attention-inputs.wgsl`
//
// A tile has {{ROWS}} rows and 32 columns. In FORWARD and GRAD_Q rows are queries and columns keys, in GRAD_KV rows are
// keys and columns queries. The queries of all heads of a key head are numbered together, n = i G + g with G = H / Hk,
// so they share the keys that a tile reads.
//
// Plan: a workgroup of 64 threads has rows of one key head and goes through the tiles of its part of the columns. The
// results of p.parts > 1 follow each other: o and lse are merged (`merge-attention.wgsl`), dk and dv added. A tile
// takes products of rows and columns, in chunks of the head, then their weights times the vectors of the columns, chunk
// by chunk. Thread (x, y) of 8 x 8 has columns 4x to 4x + 3 of the rows y, y + 8, ... and floats 4x to 4x + 3 of their
// sums in each chunk: few registers for any head size. Tiles in which no query sees a key are skipped.
// Workgroup memory, 10 KiB: `left` holds rows or their weights, `right` columns, in lines of 9 vec4, one of them
// unused, so that adjacent lines lie in other banks. Column m has line m % 4 * 8 + m / 4: threads read adjacent lines.

var<workgroup> left: array<vec4f, {{ROWS * 9}}>;
var<workgroup> right: array<vec4f, 288>;
#if FORWARD
var<workgroup> lanes: array<vec4f, 64>;
#endif

const Q = 0u;
const K = 1u;
const DOUT = 2u;
const V = 3u;

fn elementOf(tensor: u32, at: u32) -> {{T}} {
  if (tensor == K) { return k[at]; }
  if (tensor == V) { return v[at]; }
#if !FORWARD
  if (tensor == DOUT) { return dout[at]; }
#endif
  return q[at];
}

// The number of a vector in q or k, from its key head and its query or key.
fn vectorOf(tensor: u32, hk: u32, n: u32) -> u32 {
  if (tensor == K || tensor == V) { return n * p.Hk + hk; }
  return n / {{G}}u * p.H + hk * {{G}}u + n % {{G}}u;
}
// The number of a query in lse.
fn lineOf(hk: u32, n: u32) -> u32 { return vectorOf(Q, hk, n); }

// Floats 4e ... 4e + 3 of a vector; zero beyond its end and where it does not exist.
fn fourOf(tensor: u32, hk: u32, n: u32, e: u32, exists: bool) -> vec4f {
  let isInside = exists && e < {{E4}}u;
  let start = vectorOf(tensor, hk, n) * {{E}}u;
  var four = vec4f();
#if SCALAR
  for (var i = 0u; i < 4u; i++) {
    if (isInside && 4u * e + i < {{E}}u) { four[i] = elementOf(tensor, start + 4u * e + i); }
  }
#else
  if (isInside) { four = elementOf(tensor, start + e); }
#endif
  return four;
}

// Columns of a span: its keys by position, in GRAD_KV its queries.
fn columnCount(span: Span) -> u32 {
#if GRAD_KV
  return span.queryCount * {{G}}u;
#else
  return keyCount(span);
#endif
}
fn columnAt(span: Span, column: u32) -> u32 {
#if GRAD_KV
  return span.queries * {{G}}u + column;
#else
  return keyAt(span, column);
#endif
}

// Copies {{W}} vec4 of the tile's rows or columns, from vec4 e of their vectors on.
fn fillLeft(tensor: u32, hk: u32, first: u32, last: u32, e: u32, thread: u32) {
  for (var at = thread; at < {{ROWS * W}}u; at += 64u) {
    let n = first + at / {{W}}u;
    left[at / {{W}}u * 9u + at % {{W}}u] = fourOf(tensor, hk, n, e + at % {{W}}u, n <= last);
  }
}
fn fillRight(tensor: u32, hk: u32, span: Span, first: u32, e: u32, thread: u32) {
  for (var at = thread; at < {{32 * W}}u; at += 64u) {
    let m = at / {{W}}u;
    let four = fourOf(tensor, hk, columnAt(span, first + m), e + at % {{W}}u, first + m < columnCount(span));
    right[(m % 4u * 8u + m / 4u) * 9u + at % {{W}}u] = four;
  }
}

// A vec4 of each of four columns.
fn fourLines(at: u32) -> mat4x4f { return mat4x4f(right[at], right[at + 72u], right[at + 144u], right[at + 216u]); }

// What rows `first` to `last` have in common with `count` ones from `begin` on, as positions from `place` on: the first
// and the last, or (1, 0) if there are none.
fn overlap(first: u32, last: u32, begin: u32, count: u32, place: u32) -> vec2u {
  let low = max(first, begin);
  let high = min(last + 1u, begin + count);
  return select(vec2u(1u, 0u), vec2u(low, high - 1u) - begin + place, low < high);
}
// The queries, or positions of keys, that rows have in a span: from the first to the last, or (1, 0).
fn rowsIn(span: Span, first: u32, last: u32) -> vec2u {
#if GRAD_KV
  var owner = span;
  var all = overlap(first, last, owner.own, owner.ownCount, owner.start);
  while (owner.after > 0u) {
    owner = spanAt(owner.after - 1u);
    let more = overlap(first, last, owner.own, owner.ownCount, owner.start);
    if (more.x <= more.y) { all = select(vec2u(min(all.x, more.x), max(all.y, more.y)), more, all.x > all.y); }
  }
  return all;
#else
  return overlap(first / {{G}}u, last / {{G}}u, span.queries, span.queryCount, 0u);
#endif
}
// Tiles of columns of a span for these rows.
fn tilesOf(span: Span, first: u32, last: u32) -> u32 {
  let rows = rowsIn(span, first, last);
  return select(0u, (columnCount(span) + 31u) / 32u, rows.x <= rows.y);
}

// Whether some query from `first` to `last` can see one of these keys.
fn isInReach(span: Span, first: u32, last: u32, firstKey: u32, lastKey: u32) -> bool {
  var reached = true;
#if CAUSAL
  reached = firstKey <= placeOf(span, last);
#endif
#if WINDOW
  reached = reached && lastKey + p.window > placeOf(span, first);
#endif
  return reached;
}

// The query of a row or column, past the last one if it is in no span.
fn queryOf(span: Span, n: vec4u) -> vec4u {
  let i = n / {{G}}u - span.queries;
  return min(i, vec4u(span.queryCount));
}
// Which pairs of queries and keys exist and may see each other.
fn areSeen(span: Span, i: vec4u, j: vec4u) -> vec4<bool> {
  let seen = vec4<bool>(
    isSeen(span, i.x, j.x), isSeen(span, i.y, j.y), isSeen(span, i.z, j.z), isSeen(span, i.w, j.w)
  );
  return seen & (i < vec4u(span.queryCount)) & (j < vec4u(keyCount(span)));
}
// The bias of pairs; that of the last query or key beyond them.
fn biasOf(span: Span, h: vec4u, queries: vec4u, keys: vec4u) -> vec4f {
  let i = min(queries, vec4u(span.queryCount - 1u));
  let j = min(keys, vec4u(keyCount(span) - 1u));
  return vec4f(
    biasAt(span, h.x, i.x, j.x), biasAt(span, h.y, i.y, j.y), biasAt(span, h.z, i.z, j.z), biasAt(span, h.w, i.w, j.w)
  );
}
fn headOf(hk: u32, n: vec4u) -> vec4u { return hk * {{G}}u + n % {{G}}u; }
// exp(score - lse), whose bound only guards pairs that are not seen; and the gradient of the score.
fn weight(score: vec4f, lse: vec4f, seen: vec4<bool>) -> vec4f {
  return select(vec4f(), exp(min(score - lse, vec4f(80.0))), seen);
}
fn slope(weight: vec4f, dweight: vec4f, delta: vec4f) -> vec4f { return weight * (dweight - delta); }

// Writes floats 4e ... 4e + 3 of a vector of a result.
#for a in SUMS
fn store{{a}}(vector: u32, e: u32, four: vec4f) {
#if SCALAR
  for (var i = 4u * e; i < min(4u * e + 4u, {{E}}u); i++) { out{{a}}[vector * {{E}}u + i] = four[i % 4u]; }
#else
  if (e < {{E}}u) { out{{a}}[vector * {{E}}u + e] = four; }
#endif
}
#endfor

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) thread: u32) {
  let group = groupAt(w);
  let hk = group.y;
  let x = thread % 8u;
  let y = thread / 8u;
  let part = group.z;
#if GRAD_KV
  let rowCount = p.M;
#else
  let rowCount = p.N * {{G}}u;
#endif
  let firstRow = group.x * {{ROWS}}u;
  let lastRow = min(firstRow + {{LAST}}u, rowCount - 1u);
  var tiles = 0u;
  for (var s = 0u; s < p.spans; s++) { tiles += tilesOf(spanAt(s), firstRow, lastRow); }
  let each = (tiles + p.parts - 1u) / p.parts;
#for r in R
  let row{{r}} = firstRow + y + {{8 * r}}u;
#if GRAD_Q
  let saved{{r}} = back[lineOf(hk, min(row{{r}}, lastRow))];
#endif
#for a in SUMS
#for c in CHUNKS
  var sum{{a}}_{{r}}_{{c}} = vec4f();
#endfor
#endfor
#endfor
#if FORWARD
  var top = vec4f(NONE);
  var sum = vec4f();
#endif
  var passed = 0u;
  for (var s = 0u; s < p.spans; s++) {
    let span = spanAt(s);
    let own = rowsIn(span, firstRow, lastRow);
    let count = tilesOf(span, firstRow, lastRow);
    // The tiles of this part.
    let firstTile = clamp(part * each, passed, passed + count) - passed;
    let endTile = clamp((part + 1u) * each, passed, passed + count) - passed;
    passed += count;
#for r in R
#if GRAD_KV
    let places{{r}} = vec4u(positionOf(span, row{{r}}));
#else
    let places{{r}} = queryOf(span, vec4u(row{{r}}));
#endif
#endfor
    for (var tile = firstTile; tile < endTile; tile++) {
      let firstColumn = tile * 32u;
      let lastColumn = min(firstColumn + 31u, columnCount(span) - 1u);
#if GRAD_KV
      if (!isInReach(span, firstColumn / {{G}}u, lastColumn / {{G}}u, own.x, own.y)) { continue; }
#else
      if (!isInReach(span, own.x, own.y, firstColumn, firstColumn + 31u)) { continue; }
#endif
      let columns = firstColumn + 4u * x + vec4u(0u, 1u, 2u, 3u);
      let fours = min(8u, (columnCount(span) - firstColumn + 3u) / 4u);
#for a in PRODUCTS
#for r in R
      var s{{a}}_{{r}} = vec4f();
#endfor
      for (var e0 = 0u; e0 < p.E4; e0 += {{W}}u) {
        workgroupBarrier();
        fillLeft({{a * 2 + ROW}}u, hk, firstRow, lastRow, e0, thread);
        fillRight({{a * 2 + COLUMN}}u, hk, span, firstColumn, e0, thread);
        workgroupBarrier();
        for (var e = 0u; e < min({{W}}u, p.E4 - e0); e++) {
          let four = fourLines(x * 9u + e);
#for r in R
          s{{a}}_{{r}} += left[(y + {{8 * r}}u) * 9u + e] * four;
#endfor
        }
      }
#endfor
#if FORWARD
      var higher = top;
#for r in R
      let seen{{r}} = areSeen(span, places{{r}}, columns);
      let score{{r}} = select(vec4f(NONE), s0_{{r}} * p.scale + biasOf(span, headOf(hk, vec4u(row{{r}})), places{{r}}, columns), seen{{r}});
      higher[{{r}}] = max(higher[{{r}}], max(max(score{{r}}.x, score{{r}}.y), max(score{{r}}.z, score{{r}}.w)));
#endfor
      lanes[thread] = higher;
      workgroupBarrier();
      for (var lane = 0u; lane < fours; lane++) { higher = max(higher, lanes[y * 8u + lane]); }
      let shrink = exp(top - higher);
      top = higher;
      sum *= shrink;
#for r in R
      let weights0_{{r}} = select(vec4f(), exp(score{{r}} - top[{{r}}]), score{{r}} > vec4f(NONE));
      sum[{{r}}] += dot(weights0_{{r}}, vec4f(1.0));
#for c in CHUNKS
      sum0_{{r}}_{{c}} *= shrink[{{r}}];
#endfor
#endfor
#endif
#if GRAD_Q
#for r in R
      let seen{{r}} = areSeen(span, places{{r}}, columns);
      let score{{r}} = s0_{{r}} * p.scale + biasOf(span, headOf(hk, vec4u(row{{r}})), places{{r}}, columns);
      let weights0_{{r}} = slope(weight(score{{r}}, vec4f(saved{{r}}.x), seen{{r}}), s1_{{r}}, vec4f(saved{{r}}.y));
#endfor
#endif
#if GRAD_KV
      let n = span.queries * {{G}}u + min(columns, vec4u(columnCount(span) - 1u));
      let lines = vec4u(lineOf(hk, n.x), lineOf(hk, n.y), lineOf(hk, n.z), lineOf(hk, n.w));
      let saved = transpose(mat4x2f(back[lines.x], back[lines.y], back[lines.z], back[lines.w]));
#for r in R
      let seen{{r}} = areSeen(span, columns / {{G}}u, places{{r}});
      let score{{r}} = s0_{{r}} * p.scale + biasOf(span, headOf(hk, n), columns / {{G}}u, places{{r}});
      let weights1_{{r}} = weight(score{{r}}, saved[0], seen{{r}});
      let weights0_{{r}} = slope(weights1_{{r}}, s1_{{r}}, saved[1]);
#endfor
#endif
#for a in SUMS
      for (var e0 = 0u; e0 < p.E4; e0 += {{W}}u) {
        workgroupBarrier();
        if (e0 == 0u) {
#for r in R
          left[(y + {{8 * r}}u) * 9u + x] = weights{{a}}_{{r}};
#endfor
        }
        fillRight({{a * 2 + SUMMED}}u, hk, span, firstColumn, e0, thread);
        workgroupBarrier();
#for r in R
        var more{{r}} = vec4f();
#endfor
        for (var m = 0u; m < fours; m++) {
          let four = fourLines(m * 9u + x);
#for r in R
          more{{r}} += four * left[(y + {{8 * r}}u) * 9u + m];
#endfor
        }
#for c in CHUNKS
        if (e0 == {{c * W}}u) {
#for r in R
          sum{{a}}_{{r}}_{{c}} += more{{r}};
#endfor
        }
#endfor
      }
#endfor
    }
  }
#if FORWARD
  workgroupBarrier();
  lanes[thread] = sum;
  workgroupBarrier();
  sum = vec4f();
  for (var lane = 0u; lane < min(8u, p.M); lane++) { sum += lanes[y * 8u + lane]; }
  let factor = select(vec4f(), 1.0 / max(sum, vec4f(1e-37)), sum > vec4f());
#else
  let factor = vec4f(p.scale);
#endif
#for r in R
  if (row{{r}} <= lastRow) {
#if FORWARD
    let whole = select(NONE, top[{{r}}] + log(max(sum[{{r}}], 1e-37)), sum[{{r}}] > 0.0);
    if (x == 0u) { lse[part * {{VECTORS}} + lineOf(hk, row{{r}})] = whole; }
#endif
    let vector = part * {{VECTORS}} + vectorOf({{ROW}}u, hk, row{{r}});
#for a in SUMS
#for c in CHUNKS
#if a
    store1(vector, {{c * W}}u + x, sum1_{{r}}_{{c}});
#else
    store0(vector, {{c * W}}u + x, sum0_{{r}}_{{c}} * factor[{{r}}]);
#endif
#endfor
#endfor
  }
#endfor
}
