import type { explore as english } from '../en/explore.ts';
import type { Translated } from '../message.ts';

export const explore: Translated<typeof english> = {
  latency: '延迟',
  flows: '流',
  details: '详情',
  lowerPane: '下方面板',
  graphWidth: '图的宽度',
  graphHeight: '图的高度',
};
