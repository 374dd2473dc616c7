import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {SMTPServer} from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Raw, as it came over the line. */
  readonly raw: string;
  /** Whether the connection was encrypted, and who had logged in. */
  readonly secure: boolean;
  readonly user: string | undefined;
}

export interface MailReceiver extends AsyncDisposable {
  readonly port: number;
  /** Certificate of the server, to be trusted by clients (PEM). */
  readonly ca: string;
  readonly mails: readonly ReceivedMail[];
  /** Replies to be given to the next mails instead of taking them, such as 451. */
  readonly refuse: number[];
  close(): Promise<void>;
}

export interface MailReceiverOptions {
  /** TLS from the first byte, STARTTLS, or none at all. Default: STARTTLS. */
  readonly tls?: 'implicit' | 'starttls' | 'none';
  readonly user?: string;
  readonly password?: string;
}

/** A real SMTP server on 127.0.0.1 that keeps what it is given. */
export async function startMailReceiver(options: MailReceiverOptions = {}): Promise<MailReceiver> {
  const mails: ReceivedMail[] = [];
  const refuse: number[] = [];
  const {key, cert} = certificate();
  const tls = options.tls ?? 'starttls';
  const server = new SMTPServer({
    secure: tls === 'implicit',
    key,
    cert,
    disabledCommands: [...(tls === 'none' ? ['STARTTLS'] : []), ...(options.user ? [] : ['AUTH'])],
    authOptional: !options.user,
    onAuth: (auth, _session, done) => {
      if (auth.username === options.user && auth.password === options.password) done(null, {user: auth.username});
      else done(new Error('invalid login'));
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const code = refuse.shift();
        if (code) return done(Object.assign(new Error('not now'), {responseCode: code}));
        mails.push({
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
          to: session.envelope.rcptTo.map(({address}) => address),
          raw: Buffer.concat(chunks).toString(),
          secure: session.secure,
          user: session.user,
        });
        done();
      });
    },
  });
  // A client that hangs up in the handshake is the client's affair.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return {
    port: (server.server.address() as AddressInfo).port,
    ca: cert,
    mails,
    refuse,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A fresh certificate for 127.0.0.1 and localhost. */
function certificate(): {key: string; cert: string} {
  const folder = mkdtempSync(join(tmpdir(), 'switchback-smtp-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', key, '-out', cert],
      ],
      {stdio: 'ignore'},
    );
    return {key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8')};
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}
