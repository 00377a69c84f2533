/** The labels that answers are compared with, as a tree: shared prefixes are read once. */
export interface LabelTree {
  /**
   * The last token of each node. A node is a prefix with a continuation, the empty one first and each after its parent.
   * The token of the first node is a placeholder for the token that answers start from.
   */
  readonly tokens: readonly number[];
  /** The parent of each node; −1 for the first. */
  readonly parents: readonly number[];
  /** Number of tokens in each node's prefix. */
  readonly depths: readonly number[];
  /** Possible next tokens: a node has choices `begins[node]` up to `begins[node + 1]`. */
  readonly choices: {
    readonly begins: readonly number[];
    readonly tokens: readonly number[];
    /** The node that a choice leads to; −1 if nothing follows it. */
    readonly nodes: readonly number[];
  };
  /** The choices along each label. */
  readonly paths: readonly (readonly number[])[];
}

/** A node while the tree is built: its possible next tokens. */
type Branches = Map<number, Branches>;

/** @param labels token ids, ending in end-of-text unless cut. */
export function labelTree(labels: readonly (readonly number[])[]): LabelTree {
  const root: Branches = new Map();
  for (const label of labels) {
    let branches = root;
    for (const token of label) {
      const next = branches.get(token) ?? new Map<number, Branches>();
      branches.set(token, next);
      branches = next;
    }
  }
  const nodes = [{ branches: root, token: 0, parent: -1, depth: 0 }];
  const choices = { begins: [0], tokens: [] as number[], nodes: [] as number[] };
  for (let parent = 0; parent < nodes.length; parent++) {
    for (const [token, branches] of nodes[parent].branches) {
      choices.tokens.push(token);
      choices.nodes.push(branches.size > 0 ? nodes.length : -1);
      if (branches.size > 0) nodes.push({ branches, token, parent, depth: nodes[parent].depth + 1 });
    }
    choices.begins.push(choices.tokens.length);
  }
  const tree = {
    tokens: nodes.map(({ token }) => token),
    parents: nodes.map(({ parent }) => parent),
    depths: nodes.map(({ depth }) => depth),
    choices,
  };
  return { ...tree, paths: labels.map((label) => pathOf(tree, label)) };
}

function pathOf(tree: Pick<LabelTree, 'choices'>, label: readonly number[]): number[] {
  const path: number[] = [];
  let node = 0;
  for (const token of label) {
    const choice = choiceOf(tree, node, token);
    path.push(choice);
    node = tree.choices.nodes[choice];
  }
  return path;
}

/** The choice of a token at a node; −1 if no label continues with it. */
export function choiceOf(
  { choices: { begins, tokens } }: Pick<LabelTree, 'choices'>,
  node: number,
  token: number,
): number {
  const place = tokens.slice(begins[node], begins[node + 1]).indexOf(token);
  return place < 0 ? -1 : begins[node] + place;
}

/** Whether node j is node i or an ancestor of it. */
export function leadsTo({ parents }: Pick<LabelTree, 'parents'>, j: number, i: number): boolean {
  for (let node = i; node >= j; node = parents[node]) if (node === j) return true;
  return false;
}
