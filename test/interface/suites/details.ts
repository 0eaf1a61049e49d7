import { describe, expect, it } from 'vitest';
import { flowRows, live, soon, withPage, type Suite } from './context.ts';

export function detailsSuite(suite: Suite): void {
  describe('details', () => {
    it('tell where the time went in one bar with reasons for what is not known, every name with its source, and all owners', () =>
      withPage(suite, 'replay', async ({ page }) => {
        await live(page);
        await flowRows(page).filter({ hasText: 'cdn.example.org' }).first().dblclick();
        const bar = page.getByRole('img', { name: /^connect 130 ms, TLS 271 ms, network 118 ms, client's kernel 40/ });
        await bar.waitFor();
        const text = async (): Promise<string> =>
          ((await page.getByRole('main').textContent()) ?? '').replace(/\s+/g, ' ');
        await soon(text).toContain('DNS its lookup is a flow of its own');
        expect(await text()).toContain("server's kernel on another machine");
        expect(await text()).toMatch(/cdn\.example\.org ?TLS server name, 12:01:07/);
        expect(await text()).toMatch(/cdn\.example\.org ?DNS answer, 12:01:06/);
        expect(await text()).toMatch(/alias\.cdn\.example\.org ?name record of the file/);
        expect(await text()).toContain('TLS 1.3 · cdn.example.org · resumed');
        const owners = page.getByRole('list', { name: 'Owners' }).getByRole('listitem');
        expect((await owners.allTextContents()).map((owner) => owner.replace(/\s+/g, ' ').trim())).toEqual([
          '12:00:01.000 supervisor 4000 made the socket',
          '12:00:02.000 node 4155 sent first',
        ]);
      }));
  });
}
