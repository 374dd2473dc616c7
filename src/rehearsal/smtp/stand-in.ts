import type {AddressInfo} from 'node:net';
import PostalMime, {type Email} from 'postal-mime';
import {SMTPServer, type SMTPServerSession} from 'smtp-server';
import {selfSigned} from './certificate.js';

export type SmtpStage = 'connect' | 'auth' | 'from' | 'to' | 'data' | 'accepted';

/**
 * What goes wrong at a stage. `code` is the server's answer: 4xx asks to come again, 5xx is final. `close` drops the
 * connection; at `accepted` the mail is kept and its answer lost, the case that makes clients send twice.
 */
export interface SmtpFault {
  readonly stage: SmtpStage;
  readonly code?: number;
  readonly message?: string;
  readonly close?: boolean;
  /** How many it hits; default 1. */
  times?: number;
}

export interface SmtpOptions {
  /** `starttls` (the default) offers it and takes no password before; `implicit` speaks TLS from the first byte. */
  readonly tls?: 'none' | 'starttls' | 'implicit';
  /** Who may send; without any, everybody may. */
  readonly users?: ReadonlyArray<{readonly user: string; readonly password: string}>;
  /** Default 10 MB, announced to clients. */
  readonly maxBytes?: number;
  /** Recipients that do not exist here. */
  readonly unknownRecipients?: readonly string[];
  readonly certificate?: {readonly key: string; readonly cert: string};
}

/** One mail that the server took, by its envelope and by its content. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly secure: boolean;
  readonly raw: Buffer;
  readonly content: Email;
}

export interface SmtpStandIn extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** What a client has to trust, PEM. */
  readonly certificate: string;
  readonly mails: readonly ReceivedMail[];
  readonly faults: SmtpFault[];
  /** Connections so far. */
  readonly connections: () => number;
  close(): Promise<void>;
}

/** Starts a mail server on 127.0.0.1 that keeps what it takes. */
export async function startSmtp(options: SmtpOptions = {}): Promise<SmtpStandIn> {
  const tls = options.tls ?? 'starttls';
  const certificate = options.certificate ?? selfSigned();
  const mails: ReceivedMail[] = [];
  const faults: SmtpFault[] = [];
  let connections = 0;
  /** The error that the fault of this stage answers with; a dropped connection needs none. */
  const trouble = (stage: SmtpStage, session: SMTPServerSession): Error | undefined => {
    const fault = faults.find((candidate) => candidate.stage === stage && (candidate.times ?? 1) > 0);
    if (!fault) return undefined;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.close) drop(server, session);
    return reply(fault.code ?? 451, fault.message ?? 'come again later');
  };
  const server = new SMTPServer({
    ...certificate,
    secure: tls === 'implicit',
    size: options.maxBytes ?? 10_000_000,
    authOptional: !options.users,
    disabledCommands: [...(tls === 'starttls' ? [] : ['STARTTLS']), ...(options.users ? [] : ['AUTH'])],
    allowInsecureAuth: tls === 'none',
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    onConnect: (session, done) => {
      connections++;
      done(trouble('connect', session));
    },
    onAuth: ({username, password}, session, done) => {
      const error = trouble('auth', session);
      if (error) return done(error);
      const known = options.users?.some((one) => one.user === username && one.password === password);
      return known ? done(null, {user: username}) : done(reply(535, 'authentication credentials invalid'));
    },
    onMailFrom: (_address, session, done) => done(trouble('from', session)),
    onRcptTo: ({address}, session, done) => {
      const unknown = options.unknownRecipients?.includes(address) ? reply(550, `no such user ${address}`) : undefined;
      done(trouble('to', session) ?? unknown);
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const error = trouble('data', session);
        if (error) return done(error);
        if (stream.sizeExceeded) return done(reply(552, 'message exceeds the fixed maximum size'));
        return void keep(Buffer.concat(chunks), session).then(
          () => done(trouble('accepted', session) ?? null),
          (cause: unknown) => done(reply(554, String(cause))),
        );
      });
    },
  });
  const keep = async (raw: Buffer, session: SMTPServerSession): Promise<void> => {
    const {mailFrom, rcptTo} = session.envelope;
    mails.push({
      from: mailFrom ? mailFrom.address : '',
      to: rcptTo.map(({address}) => address),
      user: session.user,
      secure: session.secure,
      raw,
      content: await PostalMime.parse(raw),
    });
  };
  // A client that breaks off is no trouble of the server's.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return {
    host: '127.0.0.1',
    port,
    certificate: certificate.cert,
    mails,
    faults,
    connections: () => connections,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function reply(code: number, message: string): Error {
  return Object.assign(new Error(message), {responseCode: code});
}

/** Ends the session's connection without a word. */
function drop(server: SMTPServer, session: SMTPServerSession): void {
  for (const connection of server.connections as Set<{id: string; _socket?: {destroy(): void}}>) {
    if (connection.id === session.id) connection._socket?.destroy();
  }
}
