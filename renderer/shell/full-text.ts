/** What does not fit is cut with an ellipsis; its whole text is the tooltip, from the moment the pointer comes. */

/** How far above the text under the pointer the box that cuts it may be. */
const LEVELS = 3;

function cutBox(from: Element): HTMLElement | null {
  let el: Element | null = from;
  for (let level = 0; el instanceof HTMLElement && level < LEVELS; level++, el = el.parentElement)
    if (getComputedStyle(el).textOverflow === 'ellipsis') return el;
  return null;
}

/** Returns what ends that. A tooltip that an element has by itself stays. */
export function installFullTexts(): () => void {
  const ours = new WeakSet<HTMLElement>();
  const show = ({ target }: PointerEvent): void => {
    const el = target instanceof HTMLElement ? cutBox(target) : null;
    if (!el || (el.title !== '' && !ours.has(el))) return;
    el.title = el.scrollWidth > el.clientWidth ? el.innerText.trim() : '';
    ours.add(el);
  };
  document.addEventListener('pointerover', show);
  return () => document.removeEventListener('pointerover', show);
}
