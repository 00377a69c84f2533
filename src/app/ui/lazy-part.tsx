import { type ComponentType, lazy } from 'react';

/**
 * A part of the page that loads when it is first shown. If loading fails, for instance because the server is gone, a
 * message takes its place; the rest of the page, with the results of a run, stays.
 */
export const lazyPart = <Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() => load().catch((): { default: ComponentType<Props> } => ({ default: Missing })));

function Missing() {
  return (
    <p role="alert" data-testid="part-missing">
      This part of the page could not be loaded. Check that the page’s server is running, download any results you need,
      then reload the page.
    </p>
  );
}
