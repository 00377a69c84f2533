// One value of all {{THREADS}} threads of a workgroup, combined in a fixed order:  {{COMBINE}}
//
// Plan: two levels. {{BRANCHES}} threads combine {{THREADS}} / {{BRANCHES}} values each, then every thread combines
// those, so each has the result. More levels would cost more in barriers than they save. All threads must call it.

var<workgroup> {{NAME}}_leaves: array<{{TYPE}}, {{THREADS}}>;
var<workgroup> {{NAME}}_branches: array<{{TYPE}}, {{BRANCHES}}>;

fn {{NAME}}(value: {{TYPE}}, local: u32) -> {{TYPE}} {
  {{NAME}}_leaves[local] = value;
  workgroupBarrier();
  if (local < {{BRANCHES}}u) {
    var a = value;
    for (var n = local + {{BRANCHES}}u; n < {{THREADS}}u; n += {{BRANCHES}}u) {
      let b = {{NAME}}_leaves[n];
      a = {{COMBINE}};
    }
    {{NAME}}_branches[local] = a;
  }
  workgroupBarrier();
  var a = {{NAME}}_branches[0];
  for (var n = 1u; n < {{BRANCHES}}u; n++) {
    let b = {{NAME}}_branches[n];
    a = {{COMBINE}};
  }
  return a;
}
