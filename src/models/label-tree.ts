/** The texts that answers are compared with, and how they branch: every prefix that several share is read once. */
export interface LabelTree {
  /**
   * A node for every prefix that goes on, the empty one first and each behind the one it continues: the token that it
   * ends in. That of the first node says nothing: it stands for what answers start from.
   */
  readonly tokens: readonly number[];
  /** The node that a node continues; −1 for the first. */
  readonly parents: readonly number[];
  /** Tokens of a node's prefix. */
  readonly depths: readonly number[];
  /** What may follow: a node's choices are those from `begins[node]` to `begins[node + 1]`. */
  readonly choices: {
    readonly begins: readonly number[];
    readonly tokens: readonly number[];
    /** The node that a choice leads to; −1 where nothing follows it. */
    readonly nodes: readonly number[];
  };
  /** The choices that lead along each label. */
  readonly paths: readonly (readonly number[])[];
}

/** A node while the tree is built: what may follow it. */
type Branches = Map<number, Branches>;

/** @param labels token ids, end-of-text last where they were not cut. */
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

/** The choice of a token behind a node; −1 where no label goes on with it. */
export function choiceOf(
  { choices: { begins, tokens } }: Pick<LabelTree, 'choices'>,
  node: number,
  token: number,
): number {
  const place = tokens.slice(begins[node], begins[node + 1]).indexOf(token);
  return place < 0 ? -1 : begins[node] + place;
}

/** Whether node j is node i or lies on the way to it. */
export function leadsTo({ parents }: Pick<LabelTree, 'parents'>, j: number, i: number): boolean {
  for (let node = i; node >= j; node = parents[node]) if (node === j) return true;
  return false;
}
