/** Which commands a few typed letters mean. */

/**
 * Those whose title has all words of `text`, in any order; best first: the title begins with it, a word does, anywhere.
 * Without any such, those with its letters in order.
 */
export function matching<T extends { title: string }>(text: string, commands: readonly T[]): T[] {
  const typed = text.trim().toLowerCase();
  if (typed === '') return [...commands];
  const words = typed.split(/\s+/);
  const ranked = commands.flatMap((command) => {
    const title = command.title.toLowerCase();
    if (!words.every((word) => title.includes(word))) return [];
    const rank = title.startsWith(typed) ? 0 : words.every((word) => ` ${title}`.includes(` ${word}`)) ? 1 : 2;
    return [{ command, rank }];
  });
  if (ranked.length > 0) return ranked.sort((a, b) => a.rank - b.rank).map(({ command }) => command);
  return commands.filter(({ title }) => inOrder(typed.replaceAll(' ', ''), title.toLowerCase()));
}

function inOrder(letters: string, title: string): boolean {
  let at = 0;
  for (const letter of letters) {
    at = title.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
