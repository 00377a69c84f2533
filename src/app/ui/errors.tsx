import type { ErrorReport } from '../../base/errors.ts';

/** An error as the page shows it everywhere: what happened, what to do, and its stable code. */
export function ErrorText({ error, title }: { error: ErrorReport; title?: string }) {
  return (
    <>
      <p>
        {title !== undefined && <strong>{title}. </strong>}
        {error.message}
      </p>
      <p>
        <strong>What to do: </strong>
        {error.nextStep}
      </p>
      <p>
        <code className="muted tiny">{error.code}</code>
      </p>
    </>
  );
}

/** An error in one paragraph, next to its subject. @param isNew whether screen readers announce it at once. */
export function ErrorLine({ error, isNew, testId }: { error: ErrorReport; isNew: boolean; testId?: string }) {
  return (
    <p className="about bad wrap" role={isNew ? 'alert' : undefined} data-testid={testId}>
      {error.message} {error.nextStep} <code>{error.code}</code>
    </p>
  );
}

/** Shows an error and what to do, next to the action that failed. */
export function ErrorNote({ error, title }: { error: ErrorReport; title: string }) {
  return (
    <div role="alert" className="notice bad small" data-testid="task-problem">
      <ErrorText error={error} title={title} />
    </div>
  );
}
