/**
 * A notice as a POST of JSON. It goes to the address that the rule's file gives and nowhere else: no redirect is
 * followed, no proxy of the environment is used, and what is answered is not read beyond its status.
 */
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { readFileSync } from 'node:fs';
import { errnoText } from '../../errors.ts';
import type { AlertNotice } from '../notice.ts';
import type { WebhookConfig } from '../target-config.ts';
import { Refused } from './delivery.ts';

/** Answers after which another attempt may go better (RFC 9110; 429: RFC 6585). */
const AGAIN = new Set([408, 425, 429]);

export async function post(config: WebhookConfig, notice: AlertNotice, signal: AbortSignal): Promise<void> {
  const { statusCode = 0 } = await answered(config, JSON.stringify(notice), signal);
  if (statusCode >= 200 && statusCode < 300) return;
  const what = statusCode >= 300 && statusCode < 400 ? `it redirects (${statusCode}), which is not followed` : `it answers ${statusCode}`; // prettier-ignore
  throw statusCode >= 500 || AGAIN.has(statusCode) ? new Error(what) : new Refused(what);
}

function answered(
  { url, headers, timeoutSeconds, ca }: WebhookConfig,
  body: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const limit = AbortSignal.timeout(timeoutSeconds * 1000);
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestHttps : requestHttp;
    const sent = request(
      url,
      {
        method: 'POST',
        agent: false, // a connection of its own: a notice is rare, and one that was kept may be dead
        signal: AbortSignal.any([signal, limit]),
        ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
        headers: { 'user-agent': 'flowglass', ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }, // prettier-ignore
      },
      (response) => {
        resolve(response);
        response.on('error', () => undefined).destroy();
      },
    );
    sent.on('error', (error) => reject(limit.aborted ? new Error(`no answer within ${timeoutSeconds} s`) : new Error(errnoText(error)))); // prettier-ignore
    sent.end(body);
  });
}
