import {createHash} from 'node:crypto';
import {Failure} from '../kernel/errors.js';
import {type Channel, headline, type Message, plainText} from './message.js';

export interface EmailSettings {
  readonly from: string;
  readonly to: readonly string[];
  /** `smtps://user:password@host:465`, or `smtp://…:587`, which must then offer STARTTLS. A secret. */
  readonly server: string;
  /** Certificate authority to trust besides the system's (PEM). */
  readonly ca?: string;
}

const timeoutMs = 15_000;

/**
 * Mails by SMTP over TLS; a server without it is refused, since the mail would carry the login in the clear.
 * @throws on use, Failure ALERT_CHANNEL; retryable for 4xx replies and lost connections.
 */
export function emailChannel(name: string, settings: EmailSettings): Channel {
  return {
    name,
    type: 'email',
    send: async (message, deliveryId) => {
      const {createTransport} = await import('nodemailer');
      const transport = createTransport(transportOptions(settings));
      try {
        const {rejected} = await transport.sendMail(mailOf(message, settings, deliveryId));
        if (rejected.length) throw refusedMail(name, `${rejected.length} of ${settings.to.length} recipients refused`);
      } catch (error) {
        throw error instanceof Failure ? error : mailFailure(name, error);
      } finally {
        transport.close();
      }
    },
  };
}

function transportOptions({server, ca}: EmailSettings) {
  const url = new URL(server);
  const secure = url.protocol === 'smtps:';
  return {
    host: url.hostname,
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    requireTLS: !secure,
    ...(url.username ? {auth: {user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password)}} : {}),
    tls: {minVersion: 'TLSv1.2' as const, ...(ca ? {ca} : {})},
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Mails of one incident share a thread; the same delivery has the same Message-ID, so that a repeat is known as one. */
export function mailOf(message: Message, {from, to}: Pick<EmailSettings, 'from' | 'to'>, deliveryId: string) {
  const host = 'switchback.invalid';
  const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);
  const thread = `<${hash(message.key)}@${host}>`;
  return {
    from,
    to: [...to],
    subject: headline(message),
    text: plainText(message),
    messageId: `<${hash(deliveryId)}@${host}>`,
    references: [thread],
    inReplyTo: thread,
    headers: {'auto-submitted': 'auto-generated', 'x-switchback-incident': message.key},
    ...(message.severity === 'critical' && message.kind !== 'recovery' ? {priority: 'high' as const} : {}),
  };
}

function refusedMail(name: string, what: string): Failure {
  return new Failure('ALERT_CHANNEL', `Channel ${name}: ${what}`, {
    remedy: 'Check the addresses under `to` and the sender under `from`.',
  });
}

/** The library's text may quote the login dialogue, so only its code and the reply's number are told. */
function mailFailure(name: string, error: unknown): Failure {
  const {code, responseCode} = error as {code?: string; responseCode?: number};
  const final = code === 'EAUTH' || code === 'ETLS' || (responseCode !== undefined && responseCode >= 500);
  const reply = responseCode === undefined ? '' : `, reply ${responseCode}`;
  return new Failure(
    'ALERT_CHANNEL',
    `Channel ${name}: the mail server refused or was lost (${code ?? 'error'}${reply})`,
    {
      remedy:
        code === 'EAUTH'
          ? 'Renew user and password in the address of the mail server.'
          : 'Check host, port and TLS of the mail server, and that it takes mail from this sender.',
      retryable: !final,
    },
  );
}
