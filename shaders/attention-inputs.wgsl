// Multi-head attention without stored scores; forward and gradients: what its kernels compute and read
//
//   s_ij = scale q_i·k_j + bias,  p = softmax_j(s) over the allowed keys,  o_i = Σ_j p_ij v_j
//   FORWARD   o, and lse_i = log Σ_j exp s_ij
//   GRAD_Q    ds_ij = p_ij (do_i·v_j - delta_i);  dq_i = scale Σ_j ds_ij k_j
//   GRAD_KV   dk_j = scale Σ_i ds_ij q_i,  dv_j = Σ_i p_ij do_i       (sums also over the query heads of a key head)
// (FlashAttention's scheme, Dao et al. 2022: the gradients recompute p from lse.)
//
// q, o, do, dq [N, H, d]; k, v, dk, dv [M, Hk, d]: heads side by side, as linear layers leave them. lse [N, H]. Query head
// h uses key head h / (H / Hk) (grouped-query attention).
// A table of spans says which keys a query sees, u32 [spans, 6]: the first query of a span and their number; the first
// of its own keys and their number; their first position; and one more than the span that it continues, or 0. It sees
// all keys of that span, and those that that one sees, whose positions come before its own. Query i is at the position
// of own key i, or with POSITION `position[0]` after it. Every query belongs to one span, and for the gradients every
// key is an own key of one span.
// The gradients' `back` holds lse and delta_i = do_i·o_i of every query, [N, H, 2], then the table as floats
// (`attention-delta.wgsl`), so that no form binds more than the eight storage buffers that every device has.
// CAUSAL allows keys up to a query's own position n. WINDOW allows key j if j > n - window: a query sees `window`
// positions, including its own (sliding attention). bias (BIAS) [H, distances], by key - query from the middle on.
// Care: the running maximum keeps exp in range; a row without allowed keys gives o = 0, lse = -3e38 and zero gradients.

struct Params {
  grid: Grid,
  N: u32, M: u32, H: u32, Hk: u32,
  scale: f32, window: u32, parts: u32, spans: u32, distances: u32,
  E: u32, E4: u32,  // {{T}} and vec4 of a head: from here, since some compilers unroll a loop of known length
}
@group(0) @binding(1) var<storage, read> q: array<{{T}}>;
@group(0) @binding(2) var<storage, read> k: array<{{T}}>;
@group(0) @binding(3) var<storage, read> v: array<{{T}}>;
#if FORWARD
@group(0) @binding(4) var<storage, read> table: array<u32>;
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

// An entry of the table.
struct Span { queries: u32, queryCount: u32, own: u32, ownCount: u32, start: u32, after: u32 }

// Two numbers of a span in the table.
fn pairOf(s: u32, pair: u32) -> vec2u {
#if FORWARD
  return vec2u(table[6u * s + 2u * pair], table[6u * s + 2u * pair + 1u]);
#else
  return vec2u(back[p.N * p.H + 3u * s + pair]);
#endif
}
fn spanAt(s: u32) -> Span {
  let queries = pairOf(s, 0u);
  let own = pairOf(s, 1u);
  let place = pairOf(s, 2u);
  return Span(queries.x, queries.y, own.x, own.y, place.x, place.y);
}

fn keyCount(span: Span) -> u32 { return span.start + span.ownCount; }

// The number of the key at a position of a span.
fn keyAt(span: Span, j: u32) -> u32 {
  var owner = span;
  while (j < owner.start) { owner = spanAt(owner.after - 1u); }
  return owner.own + j - owner.start;
}

// The position of a key in a span: past the last one if it has no part in it.
fn positionOf(span: Span, key: u32) -> u32 {
  var owner = span;
  while (key - owner.own >= owner.ownCount) {
    if (owner.after == 0u) { return keyCount(span); }
    owner = spanAt(owner.after - 1u);
  }
  return owner.start + key - owner.own;
}

// The span of a query.
fn spanOf(query: u32) -> u32 {
  var s = 0u;
  while (s < p.spans) {
    let queries = pairOf(s, 0u);
    if (query - queries.x < queries.y) { break; }
    s++;
  }
  return s;
}

// The position of query i of a span among its keys.
fn placeOf(span: Span, i: u32) -> u32 {
#if POSITION
  return i + span.start + position[0];
#else
  return i + span.start;
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

// The bias of query i and key j of a span.
fn biasAt(span: Span, h: u32, i: u32, j: u32) -> f32 {
#if BIAS
  return bias[h * p.distances + p.distances / 2u + j - placeOf(span, i)];
#else
  return 0.0;
#endif
}

#if SCALAR
fn product(a: f32, b: f32) -> f32 { return a * b; }
#endif
