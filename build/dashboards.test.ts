import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dashboards } from './dashboards.mjs';

it('the dashboards are what their description makes (node build/dashboards.mjs writes them)', () => {
  for (const [name, text] of dashboards())
    expect(readFileSync(new URL(`../deploy/grafana/dashboards/${name}`, import.meta.url), 'utf8')).toBe(text);
});
