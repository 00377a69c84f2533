/**
 * What the page shows in a frame instead of the workbench, so that a page around it, which may cover it, cannot lead a
 * click to a run. The header `X-Frame-Options` forbids frames, but some hosts send no headers.
 */
export function framedNotice(page: Document): HTMLElement {
  const [notice, link] = [page.createElement('main'), page.createElement('a')];
  link.href = page.location.href;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = 'Open it in a tab of its own';
  notice.dataset['testid'] = 'framed';
  notice.append('gorp-web does not work inside another page. ', link, '.');
  return notice;
}
