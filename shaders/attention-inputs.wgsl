// Multi-head attention without stored scores; forward and gradients: what its kernels compute and read
//
//   s_ij = scale q_i·k_j + bias,  p = softmax_j(s) over the allowed keys,  o_i = Σ_j p_ij v_j
//   FORWARD   o, and lse_i = log Σ_j exp s_ij
//   GRAD_Q    ds_ij = p_ij (do_i·v_j - delta_i);  dq_i = scale Σ_j ds_ij k_j
//   GRAD_KV   dk_j = scale Σ_i ds_ij q_i,  dv_j = Σ_i p_ij do_i       (sums also over the query heads of a key head)
// (FlashAttention's scheme, Dao et al. 2022: the gradients recompute p from lse.)
//
// q, o, do, dq [B, Sq, H, d]; k, v, dk, dv [Bk, Sk, Hk, d]: heads side by side, as linear layers leave them.
// bias (BIAS): [H, Sq, Sk]; [1, Sq, Sk] for all heads; or by distance (DISTANCE), [H, distances], whose entry
// j - i + Sq - 1 belongs to query i and key j. mask [Bk, Sk]: 0 hides a key. lse [B, Sq, H].
// Query head h uses key head h / (H / Hk) (grouped-query attention); query batch b uses key batch b / (B / Bk), so
// several targets share one encoded source.
// Query i is at position n = i + offset (+ position[0] with POSITION) among the keys. CAUSAL allows key j if j <= n.
// WINDOW allows it if j > n - window: a query sees `window` positions, including its own (sliding attention).
// With SPANS the batch has one row of Sq queries and one of Sk keys, cut by a table in place of the mask: u32
// [spans, 6]. Only then are there gradients. Their `back` holds lse and delta_i = do_i·o_i of every query, [Sq, H, 2], then
// the table as floats (`attention-delta.wgsl`), so that no form binds more than the eight storage buffers that every
// device has. A span is the first query and their number, the same of the keys that it shares, and
// of its own. Shared keys have the positions from 0 on, then own keys; query i is at the position of own key i, and
// distances count from the middle of the bias. Every query belongs to one span, and every key is an own key of one
// span; a span shares the keys from the first own key of another one on.
// Care: the running maximum keeps exp in range; a row without allowed keys gives o = 0, lse = -3e38 and zero gradients.

struct Params {
  grid: Grid,
  B: u32, H: u32, Sq: u32, Sk: u32, Bk: u32, Hk: u32,
  scale: f32, offset: u32, window: u32, parts: u32,
  spans: u32, distances: u32,
  E: u32, E4: u32,  // {{T}} and vec4 of a head: from here, since some compilers unroll a loop of known length
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<{{T}}>;
@group(0) @binding(2) var<storage, read> k: array<{{T}}>;
@group(0) @binding(3) var<storage, read> v: array<{{T}}>;
#if FORWARD
@group(0) @binding(4) var<storage, read> {{HIDING}};  // mask or table of spans
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
#else
@group(0) @binding(4) var<storage, read> back: array<vec2f>;
@group(0) @binding(5) var<storage, read> dout: array<{{T}}>;
#endif
@group(0) @binding(6) var<storage, read_write> out0: array<{{T}}>;  // o, dq or dk
#if GRAD_KV
@group(0) @binding(7) var<storage, read_write> out1: array<{{T}}>;  // dv
#endif
#if BIAS
@group(0) @binding({{BIAS_BINDING}}) var<storage, read> bias: array<f32>;
#endif
#if POSITION
@group(0) @binding({{POSITION_BINDING}}) var<storage, read> position: array<u32>;
#endif

const NONE = -3.0e38;

// Queries and the keys they see: those of a batch, or of an entry of the table.
struct Span { queries: u32, queryCount: u32, shares: u32, sharedCount: u32, own: u32, ownCount: u32 }

// Two numbers of a span in the table.
#if SPANS
fn pairOf(s: u32, pair: u32) -> vec2u {
#if FORWARD
  return vec2u(table[6u * s + 2u * pair], table[6u * s + 2u * pair + 1u]);
#else
  return vec2u(back[p.Sq * p.H + 3u * s + pair]);
#endif
}
fn spanCount() -> u32 { return p.spans; }
fn spanAt(s: u32) -> Span {
  let queries = pairOf(s, 0u);
  let shares = pairOf(s, 1u);
  let own = pairOf(s, 2u);
  return Span(queries.x, queries.y, shares.x, shares.y, own.x, own.y);
}
#else
fn spanCount() -> u32 { return p.B; }
fn spanAt(b: u32) -> Span { return Span(b * p.Sq, p.Sq, 0u, 0u, b / (p.B / p.Bk) * p.Sk, p.Sk); }
#endif

fn keyCount(span: Span) -> u32 { return span.sharedCount + span.ownCount; }

// The number of the key at a position of a span.
fn keyAt(span: Span, j: u32) -> u32 {
  return select(span.own + j - span.sharedCount, span.shares + j, j < span.sharedCount);
}

// The position of a key in a span: past the last one if it has no part in it.
fn positionOf(span: Span, key: u32) -> u32 {
  if (key - span.own < span.ownCount) { return span.sharedCount + key - span.own; }
  return select(keyCount(span), key - span.shares, key - span.shares < span.sharedCount);
}

// The span of a query.
fn spanOf(query: u32) -> u32 {
#if SPANS
  var s = 0u;
  while (s < p.spans) {
    let queries = pairOf(s, 0u);
    if (query - queries.x < queries.y) { break; }
    s++;
  }
  return s;
#else
  return query / p.Sq;
#endif
}

// The position of query i of a span among its keys.
fn placeOf(span: Span, i: u32) -> u32 {
#if POSITION
  return i + p.offset + position[0];
#else
  return i + p.offset + span.sharedCount;
#endif
}

// Whether the causal rule and the window allow query i to see key j.
fn isSeen(span: Span, i: u32, j: u32) -> bool {
  var seen = true;
#if CAUSAL
  seen = j <= placeOf(span, i);
#endif
#if WINDOW
  seen = seen && j + p.window > placeOf(span, i);
#endif
  return seen;
}

// The first key in the window of query i. Earlier keys need no read.
fn firstKey(span: Span, i: u32) -> u32 {
  var first = 0u;
#if WINDOW
  let n = placeOf(span, i) + 1u;
  first = n - min(n, p.window);
#endif
  return first;
}

// The first query that the causal rule allows to see key j.
fn firstQuery(span: Span, j: u32) -> u32 {
  var first = 0u;
#if CAUSAL
  let n = placeOf(span, 0u);
  first = max(j, n) - n;
#endif
  return first;
}

// Whether the mask shows a key.
fn isShown(key: u32) -> bool {
#if SPANS
  return true;
#else
  return mask[key] != 0.0;
#endif
}

// The bias of query i and key j of a span.
fn biasAt(span: Span, h: u32, i: u32, j: u32) -> f32 {
#if BIAS
#if DISTANCE
#if SPANS
  let middle = p.distances / 2u;
#else
  let middle = p.Sq - 1u;
#endif
  return bias[h * p.distances + j + middle - i - span.sharedCount];
#else
  return bias[({{BIAS_HEAD}} * p.Sq + i) * p.Sk + j];
#endif
#else
  return 0.0;
#endif
}

#if SCALAR
fn product(a: f32, b: f32) -> f32 { return a * b; }
#endif
