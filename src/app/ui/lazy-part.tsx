import { type ComponentType, lazy } from 'react';

/**
 * A part of the page that is loaded when it is first shown. Where that fails, since the server is gone, its place says so;
 * the rest of the page, with what a run has measured, stays.
 */
export const lazyPart = <Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() => load().catch((): { default: ComponentType<Props> } => ({ default: Missing })));

function Missing() {
  return (
    <p role="alert" data-testid="part-missing">
      This part of the page could not be loaded. Check that the server of the page is running, save what you want to
      keep, then reload the page.
    </p>
  );
}
