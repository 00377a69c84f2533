/**
 * Times every submit of work from now on: from the end of the one before, or from when it was submitted if that is later,
 * to its own end.
 *
 * @returns stops, and resolves with the milliseconds of each when all are done.
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
