import type { copied as english } from '../en/copied.ts';
import type { Translated } from '../message.ts';

export const copied: Translated<typeof english> = {
  name: '已复制名称',
  path: '已复制录制的路径',
  filter: '已复制过滤器',
  command: '已复制命令',
  finding: '已复制发现的内容',
  flowLine: '已复制流的说明',
  rowText: '已将该行复制为文本',
  flowFilter: '已复制此流的过滤器',
  flowJson: '已将流复制为 JSON',
  refused: '未复制：浏览器不允许此页面写入剪贴板',
  refusedHint: '请通过 localhost 或 https 打开页面',
};
