export const picture = {
  svg: 'Save picture as SVG',
  png: 'Save picture as PNG',
  failed: 'The picture could not be made',
  tooLarge: 'The picture is too large',
  smaller: 'make the window smaller',
  at: 'at {time}',
  filter: 'filter {filter}',
  dayTime: '{day}, {time} {zone}',
} as const;
