import {Webhook, WebhookVerificationError} from 'standardwebhooks';
import {type Exchange, type StandIn, startStandIn} from '../stand-in.js';
import {slackRefusal} from './slack-message.js';

/** One message that a receiver took. */
export interface Delivery {
  readonly to: 'slack' | 'signed' | 'plain';
  readonly atMs: number;
  readonly body: any;
  /** The message's own id, of signed ones; a repeat carries the same. */
  readonly id?: string;
}

export interface WebhookOptions {
  /** Base64, with or without `whsec_`: what `/signed` verifies with. */
  readonly secret?: string;
  /** Slack takes about one message a second and hook; this many at once before 429. Default: no limit. */
  readonly slackBurst?: number;
  readonly now?: () => number;
}

export interface WebhookStandIn extends StandIn {
  /** Checks messages as Slack's incoming webhooks do. */
  readonly slackUrl: string;
  /** Verifies signatures by the Standard Webhooks library. */
  readonly signedUrl: string;
  /** Takes any JSON. */
  readonly plainUrl: string;
  /** What was taken, refused ones left out. */
  readonly deliveries: readonly Delivery[];
}

const slackPath = '/services/T00000000/B00000000/rehearsal';

/** Starts receivers of webhooks on 127.0.0.1. */
export async function startWebhooks(options: WebhookOptions = {}): Promise<WebhookStandIn> {
  const now = options.now ?? Date.now;
  const deliveries: Delivery[] = [];
  const slackTimes: number[] = [];
  const take = (delivery: Omit<Delivery, 'atMs'>) => void deliveries.push({...delivery, atMs: now()});

  const slack = ({body, request, response}: Exchange): void => {
    const recent = slackTimes.filter((atMs) => now() - atMs < 1_000);
    if (recent.length >= (options.slackBurst ?? Number.POSITIVE_INFINITY))
      return void say(response, 429, 'rate_limited', {'retry-after': '1'});
    slackTimes.splice(0, slackTimes.length, ...recent, now());
    const message = parse(body);
    const refusal = request.headers['content-type']?.startsWith('application/json')
      ? slackRefusal(message)
      : 'invalid_payload';
    if (refusal) return void say(response, 400, refusal);
    take({to: 'slack', body: message});
    return void say(response, 200, 'ok');
  };
  const signed = ({body, request, response}: Exchange): void => {
    try {
      new Webhook(options.secret ?? '').verify(body.toString(), request.headers as Record<string, string>);
    } catch (error) {
      return void say(
        response,
        401,
        error instanceof WebhookVerificationError ? error.message : 'the receiver has no secret',
      );
    }
    take({to: 'signed', body: parse(body), id: String(request.headers['webhook-id'])});
    return void say(response, 204, '');
  };
  const plain = ({body, response}: Exchange): void => {
    take({to: 'plain', body: parse(body) ?? body.toString()});
    return void say(response, 200, 'thanks');
  };
  const receivers: Readonly<Record<string, (exchange: Exchange) => void>> = {
    [slackPath]: slack,
    '/signed': signed,
    '/plain': plain,
  };

  const standIn = await startStandIn((exchange) => {
    const receiver = receivers[exchange.url.pathname];
    if (!receiver)
      return void say(
        exchange.response,
        404,
        exchange.url.pathname.startsWith('/services/') ? 'no_service' : 'not found',
      );
    if (exchange.request.method !== 'POST') return void say(exchange.response, 405, 'invalid_method', {allow: 'POST'});
    return receiver(exchange);
  });
  return {
    ...standIn,
    slackUrl: `${standIn.url}${slackPath}`,
    signedUrl: `${standIn.url}/signed`,
    plainUrl: `${standIn.url}/plain`,
    deliveries,
  };
}

function say(response: Exchange['response'], status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {'content-type': 'text/plain; charset=utf-8', ...headers});
  response.end(text);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}
