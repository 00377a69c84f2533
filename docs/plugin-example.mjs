// An example of a plugin for gorp-web (docs/plugins.md): a method, a format of files, and a probe.
//   gorp-web train --plugin docs/plugin-example.mjs --task mails.fasttext --method averaged-lora

/** @import { MakePlugin, OwnPartOf, Part } from 'gorp-web' */

/** @type {MakePlugin} */
export default ({ defineMethod, inTurn, settings, parts, host }) => {
  /**
   * After each task but the first, the adapter becomes a mean of what it was before the task and what the task made of it.
   *
   * @param {number} share of what the task made, in (0, 1].
   * @param {OwnPartOf['adapters']} groups the adapters, by shape.
   * @returns {Part}
   */
  function averaging(share, groups) {
    const matrices = groups.flatMap(({ layers, adapters: { A, B } }) =>
      layers.names.flatMap((layer) => [
        { name: `method/before/${layer}.A`, layer, stack: A },
        { name: `method/before/${layer}.B`, layer, stack: B },
      ]),
    );
    const bytes = matrices.reduce((sum, { stack }) => sum + 8 * stack.rows * stack.columns, 0);
    /**
     * The matrices as they were before the task, of all but the first, in the order of `matrices`.
     *
     * @type {ReturnType<typeof host.matrix>[]}
     */
    let before = [];
    return {
      beginTask: async ({ task }) => {
        before = [];
        if (task === 1) return; // B is 0 before the first: a mean with it would halve what is learned
        for (const { layer, stack } of matrices) {
          before.push(host.matrix(stack.rows, stack.columns, await stack.readOne(layer)));
        }
      },
      endTask: async () => {
        for (const [at, { data }] of before.entries()) {
          const { layer, stack } = matrices[at];
          const trained = await stack.readOne(layer);
          stack.write(
            layer,
            trained.map((value, i) => (1 - share) * data[i] + share * value),
          );
        }
        before = [];
        return [];
      },
      // What a run that is interrupted within a task needs to end it the same.
      state: () => before.map((matrix, at) => host.hostTensor(matrices[at].name, matrix)),
      restore: async (saved, { task, training }) => {
        before = [];
        if (!training || task === 1) return;
        for (const { name, stack } of matrices) before.push(await host.readHostMatrix(saved, name, stack.rows));
      },
      // For the memory plan: a copy of all adapters in f64.
      hostBytes: () => bytes,
      savedBytes: () => bytes,
    };
  }

  return {
    interface: 1,
    name: 'example',
    methods: [
      defineMethod({
        name: 'averaged-lora',
        menu: 'LoRA methods',
        summary: 'Trains the same adapter on every task in turn, and after each takes a mean of it before and after.',
        citation: null,
        settings: {
          ...settings.ADAPTER_SETTINGS,
          newShare: settings.number({
            ...{ section: 'This method', label: 'Share of the new' },
            help: 'How much of the mean is what the task has made of the adapter.',
            ...{ range: settings.SHARE, initial: 0.5 },
          }),
        },
        plan: (values) =>
          inTurn(
            parts.adapters('one', values),
            parts.ownPart('one averaged adapter', ({ adapters }) => averaging(values.newShare, adapters)),
          ),
      }),
    ],
    formats: [
      {
        // Training files of fastText: `__label__spam Win a prize today`.
        ending: 'fasttext',
        read: (text) => ({
          columns: ['text', 'label'],
          rows: text.split(/\r?\n/).flatMap((line) => {
            const [, label, words] = /^__label__(\S+)\s+(.*)$/.exec(line) ?? [];
            return words === undefined ? [] : [[words, label]];
          }),
        }),
      },
    ],
    probes: [
      {
        name: 'two-times-two',
        title: 'loss of 4 as the answer to 2 times 2',
        measure: async ({ losses }) => (await losses([{ prompt: '2 times 2 is', answer: '4' }]))[0],
      },
    ],
  };
};
