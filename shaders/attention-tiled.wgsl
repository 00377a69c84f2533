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

fn queries() -> u32 { return p.Sq * {{G}}u; }
// The number of a vector in q or k, from its batch, its key head and its query or key.
fn vectorOf(tensor: u32, b: u32, hk: u32, n: u32) -> u32 {
  if (tensor == K || tensor == V) { return (b * p.Sk + n) * p.Hk + hk; }
  return (b * p.Sq + n / {{G}}u) * p.H + hk * {{G}}u + n % {{G}}u;
}
// The number of a query in lse.
fn lineOf(b: u32, hk: u32, n: u32) -> u32 { return (b * p.H + hk * {{G}}u + n % {{G}}u) * p.Sq + n / {{G}}u; }

// Floats 4e ... 4e + 3 of a vector; zero beyond its end and beyond the last query or key.
fn fourOf(tensor: u32, b: u32, hk: u32, n: u32, e: u32) -> vec4f {
  let isInside = n < select(queries(), p.Sk, tensor == K || tensor == V) && e < {{E4}}u;
  let start = vectorOf(tensor, b, hk, n) * {{E}}u;
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

// Copies {{W}} vec4 of the tile's rows or columns, from vec4 e of their vectors on.
fn fillLeft(tensor: u32, b: u32, hk: u32, first: u32, e: u32, thread: u32) {
  for (var at = thread; at < {{ROWS * W}}u; at += 64u) {
    let row = at / {{W}}u;
    left[row * 9u + at % {{W}}u] = fourOf(tensor, b, hk, first + row, e + at % {{W}}u);
  }
}
fn fillRight(tensor: u32, b: u32, hk: u32, first: u32, e: u32, thread: u32) {
  for (var at = thread; at < {{32 * W}}u; at += 64u) {
    let m = at / {{W}}u;
    right[(m % 4u * 8u + m / 4u) * 9u + at % {{W}}u] = fourOf(tensor, b, hk, first + m, e + at % {{W}}u);
  }
}

// A vec4 of each of four columns.
fn fourLines(at: u32) -> mat4x4f { return mat4x4f(right[at], right[at + 72u], right[at + 144u], right[at + 216u]); }

// Whether some query from `first` to `last` can see one of these keys, or every score must be written.
fn isInReach(first: u32, last: u32, firstKey: u32, lastKey: u32) -> bool {
  var reached = true;
#if !SCORES
#if CAUSAL
  reached = firstKey <= placeOf(last / {{G}}u);
#endif
#if WINDOW
  reached = reached && lastKey + p.window > placeOf(first / {{G}}u);
#endif
#endif
  return reached;
}

// Which pairs of queries and keys exist and may see each other, but for the mask.
fn areSeen(n: vec4u, j: vec4u) -> vec4<bool> {
  let i = n / {{G}}u;
  let seen = vec4<bool>(isSeen(i.x, j.x), isSeen(i.y, j.y), isSeen(i.z, j.z), isSeen(i.w, j.w));
  return seen & (n < vec4u(queries())) & (j < vec4u(p.Sk));
}
fn biasOf(hk: u32, n: vec4u, j: vec4u) -> vec4f {
  let h = hk * {{G}}u + n % {{G}}u;
  let i = n / {{G}}u;
  return vec4f(biasAt(h.x, i.x, j.x), biasAt(h.y, i.y, j.y), biasAt(h.z, i.z, j.z), biasAt(h.w, i.w, j.w));
}
fn areShown(bk: u32, j: vec4u) -> vec4<bool> {
  let key = bk * p.Sk + min(j, vec4u(p.Sk - 1u));
  return vec4<bool>(isShown(key.x), isShown(key.y), isShown(key.z), isShown(key.w));
}

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
  let firstRow = group.x * {{ROWS}}u;
  let x = thread % 8u;
  let y = thread / 8u;
#if GRAD_KV
  let bk = group.z % p.Bk;
  let part = group.z / p.Bk;
  let across = (queries() + 31u) / 32u;  // tiles of a batch
  let tiles = p.B / p.Bk * across;
#else
  let b = group.z % p.B;
  let part = group.z / p.B;
  let bk = b / (p.B / p.Bk);
  let tiles = (p.Sk + 31u) / 32u;
#endif
#for r in R
  let row{{r}} = firstRow + y + {{8 * r}}u;
#if GRAD_KV
  let shown{{r}} = areShown(bk, vec4u(row{{r}}));
#endif
#if GRAD_Q
  let saved{{r}} = back[lineOf(b, hk, min(row{{r}}, queries() - 1u))];
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
  let each = (tiles + p.parts - 1u) / p.parts;
  for (var tile = part * each; tile < min(tiles, (part + 1u) * each); tile++) {
#if GRAD_KV
    let b = p.B / p.Bk * bk + tile / across;
    let firstColumn = tile % across * 32u;
    let isReached = isInReach(firstColumn, min(firstColumn + 31u, queries() - 1u), firstRow, firstRow + {{LAST}}u);
#else
    let firstColumn = tile * 32u;
    let isReached = isInReach(firstRow, min(firstRow + {{LAST}}u, queries() - 1u), firstColumn, firstColumn + 31u);
#endif
    if (!isReached) { continue; }
    let columns = firstColumn + 4u * x + vec4u(0u, 1u, 2u, 3u);
    let fours = min(8u, ({{COLUMN_COUNT}} - firstColumn + 3u) / 4u);
#for a in PRODUCTS
#for r in R
    var s{{a}}_{{r}} = vec4f();
#endfor
    for (var e0 = 0u; e0 < p.E4; e0 += {{W}}u) {
      workgroupBarrier();
      fillLeft({{a * 2 + ROW}}u, {{ROW_BATCH}}, hk, firstRow, e0, thread);
      fillRight({{a * 2 + COLUMN}}u, {{COLUMN_BATCH}}, hk, firstColumn, e0, thread);
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
    let shown = areShown(bk, columns);
    var higher = top;
#for r in R
    let seen{{r}} = shown & areSeen(vec4u(row{{r}}), columns);
    let score{{r}} = select(vec4f(NONE), s0_{{r}} * p.scale + biasOf(hk, vec4u(row{{r}}), columns), seen{{r}});
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
    let shown = areShown(bk, columns);
#for r in R
    let seen{{r}} = shown & areSeen(vec4u(row{{r}}), columns);
    let score{{r}} = s0_{{r}} * p.scale + biasOf(hk, vec4u(row{{r}}), columns);
    let weights0_{{r}} = slope(weight(score{{r}}, vec4f(saved{{r}}.x), seen{{r}}), s1_{{r}}, vec4f(saved{{r}}.y));
#if SCORES
    for (var c = 0u; c < 4u; c++) {
      let at = lineOf(b, hk, row{{r}}) * p.Sk + columns[c];
      if (row{{r}} < queries() && columns[c] < p.Sk) { scores[at] = weights0_{{r}}[c]; }
    }
#endif
#endfor
#endif
#if GRAD_KV
    let n = min(columns, vec4u(queries() - 1u));
    let lines = vec4u(lineOf(b, hk, n.x), lineOf(b, hk, n.y), lineOf(b, hk, n.z), lineOf(b, hk, n.w));
    let saved = transpose(mat4x2f(back[lines.x], back[lines.y], back[lines.z], back[lines.w]));
#for r in R
    let seen{{r}} = shown{{r}} & areSeen(columns, vec4u(row{{r}}));
    let score{{r}} = s0_{{r}} * p.scale + biasOf(hk, n, vec4u(min(row{{r}}, p.Sk - 1u)));
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
      fillRight({{a * 2 + SUMMED}}u, {{COLUMN_BATCH}}, hk, firstColumn, e0, thread);
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
#if FORWARD
  workgroupBarrier();
  lanes[thread] = sum;
  workgroupBarrier();
  sum = vec4f();
  for (var lane = 0u; lane < min(8u, p.Sk); lane++) { sum += lanes[y * 8u + lane]; }
  let factor = select(vec4f(), 1.0 / max(sum, vec4f(1e-37)), sum > vec4f());
#else
  let factor = vec4f(p.scale);
#endif
#for r in R
  if (row{{r}} < {{ROW_COUNT}}) {
#if FORWARD
    let whole = select(NONE, top[{{r}}] + log(max(sum[{{r}}], 1e-37)), sum[{{r}}] > 0.0);
    if (x == 0u) { lse[lineOf(group.z, hk, row{{r}})] = whole; }
#endif
    let vector = vectorOf({{ROW}}u, group.z, hk, row{{r}});
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
