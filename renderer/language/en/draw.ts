/** Glyphs, units of ages. */
export const draw = {
  retransmit: 'retransmits',
  drop: 'kernel drops',
  reset: 'reset or refused',
  zeroWindow: 'zero window',
  slow: 'slow or no answer',
  outOfOrder: 'out of order',
  handshake: 'handshake not finished',
  day: 'd',
  hour: 'h',
  minute: 'm',
  second: 's',
} as const;
