/** Icons on a 16 px grid, stroke 1.5; the inside of an <svg>. Drawn by us. */
export const ICONS = {
  explore: '<path d="M2 4h2c4 0 4 8 8 8h2M2 12h2c1.4 0 2.300-.9 3-2M9 6c.7-1.100 1.600-2 3-2h2"/>',
  pulse: '<path d="M1.500 8.500h3l2-5 3 9 2-4h3"/>',
  fleet:
    '<rect x="2" y="2" width="5" height="5" rx="1"/><rect x="9" y="2" width="5" height="5" rx="1"/><rect x="2" y="9" width="5" height="5" rx="1"/><rect x="9" y="9" width="5" height="5" rx="1"/>',
  files:
    '<path d="M2 4.500A1.500 1.500 0 0 1 3.500 3h2.700l1.500 2h4.800A1.500 1.500 0 0 1 14 6.500v5A1.500 1.500 0 0 1 12.500 13h-9A1.500 1.500 0 0 1 2 11.500z"/>',
  set: '<path d="M2 5h6M12 5h2M2 11h2M8 11h6"/><circle cx="10" cy="5" r="1.800"/><circle cx="6" cy="11" r="1.800"/>',
  help: '<circle cx="8" cy="8" r="6"/><path d="M6.300 6.300c.2-1 .9-1.500 1.800-1.500 1 0 1.700.6 1.700 1.500 0 1.300-1.800 1.400-1.800 2.700M8 11.200v.1"/>',
  plus: '<path d="M8 3v10M3 8h10"/>',
  x: '<path d="m4 4 8 8M12 4l-8 8"/>',
  min: '<path d="M4 8h8"/>',
  max: '<rect x="4" y="4" width="8" height="8" rx="1"/>',
  search: '<circle cx="7" cy="7" r="4.500"/><path d="m10.500 10.500 3 3"/>',
  filter: '<path d="M2.500 3.500h11L9.500 8.500v4l-3 1v-5z"/>',
  star: '<path d="m8 2.200 1.800 3.700 4 .6-2.900 2.800.7 4L8 11.400l-3.600 1.900.7-4L2.200 6.500l4-.6z"/>',
  chev: '<path d="m6 4 4 4-4 4"/>',
  back: '<path d="m10 4-4 4 4 4"/>',
  down: '<path d="m4 6 4 4 4-4"/>',
  up: '<path d="m4 10 4-4 4 4"/>',
  dots: '<path d="M3.500 8h.01M8 8h.01M12.500 8h.01" stroke-width="2"/>',
  eth: '<rect x="2.500" y="3" width="11" height="8" rx="1.500"/><path d="M5.500 11v-2.500h5V11M8 11v2.500M5 13.500h6"/>',
  wifi: '<path d="M2 6.200a9 9 0 0 1 12 0M4.200 8.700a5.600 5.600 0 0 1 7.600 0M6.300 11a2.500 2.500 0 0 1 3.400 0"/><path d="M8 13v.01" stroke-width="2"/>',
  loop: '<path d="M3 8a5 5 0 0 1 9-3M13 8a5 5 0 0 1-9 3"/><path d="M12.500 2.500V5H10M3.500 13.500V11H6"/>',
  bridge: '<path d="M2 12V6M14 12V6M2 9h12M2 6c2.500 0 4-2 6-2s3.500 2 6 2"/>',
  tun: '<rect x="2" y="5" width="12" height="6" rx="3"/><path d="M5 8h6"/>',
  all: '<circle cx="8" cy="8" r="2"/><path d="M8 2v4M8 10v4M2 8h4M10 8h4"/>',
  box: '<path d="M8 1.800 13.500 5v6L8 14.200 2.500 11V5z"/><path d="M2.700 5.100 8 8l5.300-2.900M8 8v6"/>',
  unit: '<rect x="2.500" y="3" width="11" height="10" rx="1.500"/><path d="M5 6.500l1.500 1.500L5 9.500M8.500 10H11"/>',
  user: '<circle cx="8" cy="5.500" r="2.500"/><path d="M3 13.500c.5-2.800 2.500-4 5-4s4.500 1.200 5 4"/>',
  globe:
    '<circle cx="8" cy="8" r="6"/><path d="M2 8h12M8 2c2 1.700 2.700 3.800 2.700 6S10 12.300 8 14c-2-1.700-2.700-3.800-2.700-6S6 3.700 8 2z"/>',
  server:
    '<rect x="2.500" y="2.500" width="11" height="4.500" rx="1"/><rect x="2.500" y="9" width="11" height="4.500" rx="1"/><path d="M5 4.800v.01M5 11.300v.01" stroke-width="1.800"/>',
  stack: '<path d="m8 2 6 3-6 3-6-3z"/><path d="m2 8 6 3 6-3M2 11l6 3 6-3"/>',
  play: '<path d="M5 3.500v9l7-4.500z" fill="currentColor"/>',
  pause: '<path d="M5.500 3.500v9M10.500 3.500v9" stroke-width="2"/>',
  stop: '<rect x="4" y="4" width="8" height="8" rx="1.200" fill="currentColor"/>',
  next: '<path d="M3.500 3.500v9l6-4.500zM12.500 3.500v9"/>',
  prev: '<path d="M12.500 3.500v9l-6-4.500zM3.500 3.500v9"/>',
  stepf: '<path d="m4 4 4 4-4 4M9 4l4 4-4 4"/>',
  stepb: '<path d="m12 4-4 4 4 4M7 4 3 8l4 4"/>',
  lock: '<rect x="3" y="7" width="10" height="6.500" rx="1.500"/><path d="M5 7V5a3 3 0 0 1 6 0v2"/>',
  shield: '<path d="M8 1.800 13 3.500V8c0 3-2.200 5.200-5 6.200C5.200 13.200 3 11 3 8V3.500z"/>',
  copy: '<rect x="5.500" y="5.500" width="8" height="8" rx="1.500"/><path d="M10.500 5.500V4A1.500 1.500 0 0 0 9 2.500H4A1.500 1.500 0 0 0 2.500 4v5A1.500 1.500 0 0 0 4 10.500h1.500"/>',
  warn: '<path d="M8 2.200 14.200 13H1.800z"/><path d="M8 6.500v3M8 11.300v.01"/>',
  info: '<circle cx="8" cy="8" r="6"/><path d="M8 7.500V11M8 5v.01"/>',
  check: '<path d="m3 8.500 3.200 3L13 4.500"/>',
  dl: '<path d="M8 2.500V10M5 7.500 8 10.500l3-3M3 13.500h10"/>',
  clock: '<circle cx="8" cy="8" r="6"/><path d="M8 4.500V8l2.500 1.500"/>',
  past: '<path d="M2.500 3.500v3.500H6"/><path d="M2.700 7a5.500 5.500 0 1 1 .6 3.800M8 5.200V8l2 1.300"/>',
  bolt: '<path d="M9 1.800 3.500 9H7l-.5 5.200L12.500 7H9z"/>',
  pin: '<path d="M9.500 2 14 6.500l-2.200.7-2.600 2.600-.3 3-5.700-5.700 3-.3 2.600-2.600zM5.500 10.500 2.500 13.500"/>',
  jump: '<path d="M6 3.500H3.500v9h9V10M9 3h4v4M13 3 7.500 8.500"/>',
  link: '<path d="M6.500 9.500 9.500 6.500M7.500 4.500l1-1a2.800 2.800 0 0 1 4 4l-1 1M8.500 11.500l-1 1a2.800 2.800 0 0 1-4-4l1-1"/>',
  file: '<path d="M4 2h5l3.500 3.500V14H4z"/><path d="M9 2v3.500h3.500"/>',
  drop: '<path d="M8 2.500v6M5.500 6 8 8.500 10.500 6"/><path d="M2.500 9v3.500A1 1 0 0 0 3.500 13.500h9a1 1 0 0 0 1-1V9"/>',
  flask:
    '<path d="M6 2h4M6.500 2v4.500L3 12.500a1 1 0 0 0 .9 1.500h8.200a1 1 0 0 0 .9-1.500L9.500 6.500V2M4.800 10h6.400"/>',
  tree: '<path d="M3.500 2.500v9a1 1 0 0 0 1 1H8M3.500 7.500H8"/><rect x="8" y="5.800" width="5" height="3.400" rx=".8"/><rect x="8" y="10.800" width="5" height="3.400" rx=".8"/>',
  sun: '<circle cx="8" cy="8" r="3"/><path d="M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M12.600 3.400l-.9.9M4.300 11.700l-.9.9"/>',
  keyb: '<rect x="1.500" y="4" width="13" height="8" rx="1.500"/><path d="M4 7h.01M6.500 7h.01M9 7h.01M11.500 7h.01M5 9.500h6"/>',
  zoom: '<circle cx="7" cy="7" r="4.500"/><path d="m10.500 10.500 3 3M5 7h4M7 5v4"/>',
  unplug:
    '<path d="m2 14 3-3M14 2l-3 3M9.500 4.500l2 2a1.400 1.400 0 0 0 2-2l-2-2a1.400 1.400 0 0 0-2 2zM4.500 9.500l2 2a1.400 1.400 0 0 1-2 2l-2-2a1.400 1.400 0 0 1 2-2zM7 7l2 2"/>',
  scissors:
    '<circle cx="4" cy="4.500" r="2"/><circle cx="4" cy="11.500" r="2"/><path d="M5.800 5.500 14 12M5.800 10.500 14 4"/>',
  list: '<path d="M5.500 4H14M5.500 8H14M5.500 12H14M2.500 4h.01M2.500 8h.01M2.500 12h.01"/>',
  sort: '<path d="M8 3v10M4.500 9.500 8 13l3.500-3.500"/>',
  live: '<circle cx="8" cy="8" r="2.300" fill="currentColor" stroke="none"/><path d="M4.500 4.500a5 5 0 0 0 0 7M11.500 4.500a5 5 0 0 1 0 7"/>',
  gauge: '<path d="M2.500 11.500a6 6 0 1 1 11 0M8 9.500 10.500 6"/>',
} as const;

export type IconName = keyof typeof ICONS;

/** Trouble glyphs on a 16 px plate: the shape carries the meaning. */
export const GLYPHS = {
  retransmit: '<path d="M4.200 9.800a4 4 0 1 0 .5-4.300"/><path d="M4.300 2.900v2.800h2.800"/>',
  reset: '<path d="m4.800 4.800 6.400 6.400M11.200 4.800l-6.400 6.400"/>',
  drop: '<path d="M8 3v7M4.900 7.200 8 10.300l3.100-3.100M4.500 13h7"/>',
  zeroWindow: '<rect x="3.500" y="4" width="9" height="8" rx="1"/><path d="m5.200 10.700 5.600-5.400"/>',
  slow: '<path d="M5 3h6M5 13h6M5.500 3c0 3 2.500 3.500 2.500 5s-2.500 2-2.500 5M10.500 3c0 3-2.500 3.500-2.500 5s2.500 2 2.500 5"/>',
  outOfOrder: '<path d="M3 5.500h8M9 3.500l2 2-2 2M13 10.500H5M7 8.500l-2 2 2 2"/>',
  handshake: '<path d="M3 8h4M9.500 8h.01M12.500 8h.01" stroke-width="2"/>',
} as const;

export type GlyphName = keyof typeof GLYPHS;
