import {createHmac} from 'node:crypto';
import {post} from './delivery.js';
import type {Channel, Message} from './message.js';

/**
 * A generic webhook, signed as the Standard Webhooks specification says, so that receivers verify it with any of its
 * libraries: headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.
 */
export function webhookChannel(name: string, url: string, secret: string, now: () => number = Date.now): Channel {
  return {
    name,
    type: 'webhook',
    send: (message, deliveryId) => {
      const body = JSON.stringify(webhookBody(message));
      const timestamp = Math.floor(now() / 1_000);
      return post(name, url, body, {
        'webhook-id': deliveryId,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signWebhook(secret, deliveryId, timestamp, body),
      });
    },
  };
}

/** `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; a secret `whsec_…` holds its key as base64. */
export function signWebhook(secret: string, id: string, timestampS: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64')}`;
}

/** Version 1 of the body: names and times only, no secrets. */
export function webhookBody(message: Message) {
  return {
    type: `switchback.${message.kind}`,
    timestamp: new Date(message.atMs).toISOString(),
    data: {
      version: 1,
      incident: message.key,
      product: message.product,
      severity: message.severity,
      title: message.title,
      since: new Date(message.sinceMs).toISOString(),
      facts: Object.fromEntries(message.facts),
      ...(message.detail ? {detail: message.detail} : {}),
      links: message.links,
    },
  };
}
