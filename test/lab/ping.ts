/** What ping(8) says of its round trips, in µs: the truth for ours. */
export interface PingTimes {
  n: number;
  minUs: number;
  meanUs: number;
  maxUs: number;
  /** Its mdev: the standard deviation. */
  deviationUs: number;
  /** RFC 3550, 6.4.1, over its single times, which it gives to three digits. */
  jitterUs: number;
}

/** Each run of ping in a text. */
export function pingTimes(output: string): PingTimes[] {
  return output
    .split(/^PING /m)
    .slice(1)
    .map((run) => {
      const summary = /= ([\d.]+)\/([\d.]+)\/([\d.]+)\/([\d.]+) ms/.exec(run);
      const [minUs = NaN, meanUs = NaN, maxUs = NaN, deviationUs = NaN] = (summary?.slice(1) ?? []).map((ms) => Number(ms) * 1000); // prettier-ignore
      const times = [...run.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms) * 1000);
      const jitterUs = times.reduce((jitter, time, i) => jitter + (i === 0 ? 0 : (Math.abs(time - (times[i - 1] ?? 0)) - jitter) / 16), 0); // prettier-ignore
      return { n: times.length, minUs, meanUs, maxUs, deviationUs, jitterUs };
    });
}

/** Which of them ours is not: further away than 5 % + 0.2 ms. */
export function pingDifferences(
  ours: Omit<PingTimes, 'jitterUs'> & { jitterUs: number | null },
  ping: PingTimes,
): string[] {
  const names = ['minUs', 'meanUs', 'maxUs', 'deviationUs', 'jitterUs'] as const;
  const near = (name: (typeof names)[number]): boolean =>
    Math.abs((ours[name] ?? NaN) - ping[name]) <= ping[name] * 0.05 + 200;
  return [
    ...(ours.n === ping.n ? [] : [`n ${ours.n}, ping ${ping.n}`]),
    ...names.filter((name) => !near(name)).map((name) => `${name} ${ours[name]}, ping ${ping[name]}`),
  ];
}
