/**
 * Times every submit from now on: from its submission, or from the end of the previous one if later, to its own end.
 *
 * @returns a function that stops timing and resolves with the milliseconds of each submit when all are done.
 */
export function timeSubmits(queue: GPUQueue): () => Promise<number[]> {
  const spans: Promise<{ begin: number; end: number }>[] = [];
  const submit = queue.submit.bind(queue);
  queue.submit = (commands) => {
    const isWork = [...commands].length > 0;
    const begin = performance.now();
    submit(commands);
    if (isWork) spans.push(queue.onSubmittedWorkDone().then(() => ({ begin, end: performance.now() })));
  };
  return async () => {
    Reflect.deleteProperty(queue, 'submit');
    let before = 0;
    return (await Promise.all(spans)).map(({ begin, end }) => {
      const taken = end - Math.max(before, begin);
      before = end;
      return taken;
    });
  };
}
