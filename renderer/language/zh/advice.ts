import type { advice as english } from '../en/advice.ts';
import type { Translated } from '../message.ts';

export const advice: Translated<typeof english> = {
  link: '看同一接口上的其他对端是否也丢包：若是，则是链路而非对端的问题',
  drops: '查看相同流的内核丢包',
  queue: '比较前后的往返时间：队列变满时会先升高',
  transfer: '看那时同一接口上是否开始了大量传输',
  onlyPeer: '看是否只有此对端变慢：若是，则是其路径或对端本身的问题',
  compareRtt: '与往返时间比较：若它未变，则网络正常，时间花在对端',
  peerDid: '看对端那时在做什么',
  processBusy: '看那时进程是否繁忙，或在等待其他事情',
  largerBuffer: '更大的接收缓冲区只对突发有帮助（net.ipv4.tcp_rmem、SO_RCVBUF）',
  peerSlower: '对端接收数据比发送慢：检查对端',
  nothingListens: '那里没有程序监听该端口：检查地址、端口以及服务是否运行',
  lastPackets: '看连接的最后几个数据包：谁重置了它，在什么之后',
  firewalls: '检查地址和途中的防火墙：丢弃数据包的过滤器不会应答',
  askResolver: '手动查询该解析器',
  otherResolvers: '看其他解析器是否应答',
  dropReason: '原因是内核自己的名称：enum skb_drop_reason',
  acceptsSlowly: '进程接受连接太慢：看它那时在做什么',
  longerQueue: '更长的队列只对突发有帮助（listen() 的 backlog、net.core.somaxconn）',
  recordLess: '录制时使用过滤器，或减少接口',
  totalsComplete: '总数保持完整：计数在内核中进行',
  kernelLog: '看那时内核日志中关于该链路的记录',
};
