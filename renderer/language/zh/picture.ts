import type { picture as english } from '../en/picture.ts';
import type { Translated } from '../message.ts';

export const picture: Translated<typeof english> = {
  svg: '将图片存为 SVG',
  png: '将图片存为 PNG',
  failed: '无法生成图片',
  tooLarge: '图片太大',
  smaller: '请缩小窗口',
  at: '时刻 {time}',
  filter: '过滤器 {filter}',
  dayTime: '{day}，{time} {zone}',
};
