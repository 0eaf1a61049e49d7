// Runs in the page (browser.ts evaluates it): the text that a person could not read.
/**
 * Elements whose text is cut without an ellipsis, sticks out of the window, or lies over other text. Canvas text is
 * not seen by this.
 */
function findClutter() {
  const problems = [];
  const name = (el) =>
    `${el.tagName.toLowerCase()}.${String(el.getAttribute('class') ?? '').replace(/ /g, '.')} "${(el.textContent ?? '').trim().slice(0, 40)}"`;
  const hidden = (el) =>
    /inset\(50%\)/.test(getComputedStyle(el).clipPath) ||
    el.closest('.visually-hidden, [aria-hidden="true"], dialog:not([open])') !== null ||
    !el.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
  if (document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight)
    problems.push(
      `the page scrolls: ${document.documentElement.scrollWidth} × ${document.documentElement.scrollHeight}`,
    );
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const el = node.parentElement;
    if (!el || node.data.trim() === '' || hidden(el)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    let box = range.getBoundingClientRect();
    let gone = false;
    for (let up = el; up && up !== document.body; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (style.overflow === 'visible' && style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const clip = up.getBoundingClientRect();
      const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY);
      if (scrolls && (box.bottom > clip.bottom + 1 || box.top < clip.top - 1 || box.right > clip.right + 1))
        gone = true;
      const ellipsis = style.textOverflow === 'ellipsis' || up.closest('.cut') !== null;
      if (!gone && !ellipsis && box.right > clip.right + 1.5 && box.width > 0)
        problems.push(`clipped at the right: ${name(el)}`);
      if (!gone && !ellipsis && box.left < clip.left - 1.5 && box.width > 0)
        problems.push(`clipped at the left: ${name(el)}`);
      if (!gone && !scrolls && box.bottom > clip.bottom + 3) problems.push(`clipped at the bottom: ${name(el)}`);
      box = new DOMRect(box.x, box.y, Math.min(box.right, clip.right) - box.x, box.height);
    }
    if (gone || box.width <= 0) continue;
    if (box.left < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)
      problems.push(`out of the window: ${name(el)}`);
    if (parseFloat(getComputedStyle(el).fontSize) < 11) problems.push(`under 11 px: ${name(el)}`);
    boxes.push({ el, box });
  }
  for (let i = 0; i < boxes.length; i++) {
    for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i], boxes[j]];
      if (a.el.contains(b.el) || b.el.contains(a.el)) continue;
      const width = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const height = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (width > 2 && height > 4 && !a.el.closest('.popover') && !b.el.closest('.popover'))
        problems.push(`overlap: ${name(a.el)} with ${name(b.el)}`);
    }
  }
  return [...new Set(problems)];
}
findClutter();
