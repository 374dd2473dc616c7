import {type StandIn, startStandIn} from '../stand-in.js';

/** A message as it came, with the exact bytes of its body, which a signature is about. */
export interface ReceivedHook {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HookReceiver extends StandIn {
  readonly received: readonly ReceivedHook[];
}

/**
 * Receives webhooks of any kind. Below `/slack` it answers as Slack does: `ok` in plain text, `invalid_payload` for what
 * is no JSON, `no_text` for a message without text and blocks.
 */
export async function startHookReceiver(port?: number): Promise<HookReceiver> {
  const received: ReceivedHook[] = [];
  const standIn = await startStandIn(
    ({request, response, url, body}) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const [status, answer] = url.pathname.startsWith('/slack') ? slackAnswer(body.toString()) : [200, ''];
      if (status === 200) received.push({path: url.pathname, headers, body: body.toString()});
      response.writeHead(status, {'content-type': 'text/plain'});
      response.end(answer);
    },
    port === undefined ? {} : {port},
  );
  return Object.assign(standIn, {received});
}

function slackAnswer(text: string): [status: number, body: string] {
  try {
    const payload = JSON.parse(text) as {text?: string; blocks?: unknown[]};
    return payload.text || payload.blocks?.length ? [200, 'ok'] : [400, 'no_text'];
  } catch {
    return [400, 'invalid_payload'];
  }
}
