import {createHmac, X509Certificate} from 'node:crypto';
import {describe, expect, test} from '@jest/globals';
import {createTransport} from 'nodemailer';
import {selfSigned} from '../../src/rehearsal/smtp/certificate.js';
import {type SmtpOptions, type SmtpStandIn, startSmtp} from '../../src/rehearsal/smtp/stand-in.js';
import {startWebhooks} from '../../src/rehearsal/webhooks/stand-in.js';

const user = {user: 'alerts@shop.example', password: 'p@ss'};
const letter = {
  from: 'alerts@shop.example',
  to: 'ops@shop.example',
  subject: 'Rückkehr: r-2',
  text: 'Zürich',
  html: '<b>Zürich</b>',
  attachments: [{filename: 'verdict.json', content: '{}'}],
};

function mailer(server: SmtpStandIn, more: object = {}) {
  return createTransport({
    host: server.host,
    port: server.port,
    tls: {ca: server.certificate, servername: 'localhost'},
    auth: {user: user.user, pass: user.password},
    requireTLS: true,
    ...more,
  });
}

describe('SMTP', () => {
  test('a mail arrives whole, by STARTTLS with the certificate checked', async () => {
    await using server = await startSmtp({users: [user]});
    await mailer(server).sendMail({...letter, cc: 'two@shop.example'});
    expect(server.mails.map(({from, to, user: who, secure}) => ({from, to, who, secure}))).toEqual([
      {from: letter.from, to: ['ops@shop.example', 'two@shop.example'], who: user.user, secure: true},
    ]);
    const {content} = server.mails[0]!;
    expect({subject: content.subject, text: content.text, html: content.html}).toEqual({
      subject: letter.subject,
      text: expect.stringMatching(/^Zürich\s*$/),
      html: expect.stringContaining('<b>Zürich</b>'),
    });
    expect(content.attachments.map(({filename}) => filename)).toEqual(['verdict.json']);
  });

  test('implicit TLS works, and a certificate nobody vouches for is noticed', async () => {
    await using server = await startSmtp({users: [user], tls: 'implicit'});
    await mailer(server, {secure: true}).sendMail(letter);
    await expect(mailer(server, {secure: true, tls: {servername: 'localhost'}}).sendMail(letter)).rejects.toThrow(
      /self.signed/,
    );
    expect(server.mails.length).toBe(1);
  });

  test('a server without TLS is noticed by a client that wants it', async () => {
    await using server = await startSmtp({tls: 'none', users: [user]});
    await expect(mailer(server).sendMail(letter)).rejects.toThrow(/STARTTLS|TLS/);
    await mailer(server, {requireTLS: false, ignoreTLS: true}).sendMail(letter);
    expect(server.mails.map((mail) => mail.secure)).toEqual([false]);
  });

  test('no password before TLS, no mail without one, none with a wrong one', async () => {
    await using server = await startSmtp({users: [user]});
    await expect(mailer(server, {requireTLS: false, ignoreTLS: true}).sendMail(letter)).rejects.toThrow();
    await expect(mailer(server, {auth: undefined}).sendMail(letter)).rejects.toMatchObject({responseCode: 530});
    await expect(mailer(server, {auth: {user: user.user, pass: 'wrong'}}).sendMail(letter)).rejects.toMatchObject({
      responseCode: 535,
    });
    expect(server.mails).toEqual([]);
  });

  test.each<[what: string, options: SmtpOptions, more: object, code: number]>([
    ['an unknown recipient', {unknownRecipients: ['ops@shop.example']}, {}, 550],
    ['a mail that is too big', {maxBytes: 2_000}, {text: 'x'.repeat(5_000)}, 552],
  ])('%s is refused for good', async (_what, options, more, code) => {
    await using server = await startSmtp(options);
    await expect(mailer(server, {auth: undefined}).sendMail({...letter, ...more})).rejects.toMatchObject({
      responseCode: code,
    });
    expect(server.mails).toEqual([]);
  });

  test('faults at each stage: come again later, dropped, and taken with the answer lost', async () => {
    await using server = await startSmtp();
    const send = () => mailer(server, {auth: undefined}).sendMail(letter);
    for (const stage of ['connect', 'from', 'to', 'data'] as const) {
      server.faults.push({stage, code: 421});
      await expect(send()).rejects.toMatchObject({responseCode: 421});
      server.faults.push({stage, close: true});
      // Dropped means dropped: no word from the server.
      await expect(send()).rejects.not.toHaveProperty('responseCode');
    }
    expect(server.mails).toEqual([]);
    server.faults.push({stage: 'accepted', close: true});
    await expect(send()).rejects.not.toHaveProperty('responseCode');
    expect(server.mails.length).toBe(1);
    await send();
    expect([server.mails.length, server.connections()]).toEqual([2, 10]);
  });

  test('the certificate is what it says, and may be an expired one', () => {
    const {cert} = selfSigned();
    const certificate = new X509Certificate(cert);
    expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
    expect([certificate.ca, certificate.verify(certificate.publicKey), certificate.checkIssued(certificate)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(new X509Certificate(selfSigned({toMs: 0}).cert).validTo).toContain('1970');
  });
});

describe('webhooks', () => {
  const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: {'content-type': 'application/json', ...headers},
    });
  const section = (text: string) => ({type: 'section', text: {type: 'mrkdwn', text}});
  const header = (text: string, type = 'plain_text') => ({type: 'header', text: {type, text}});

  test.each<[what: string, message: unknown, answer: string]>([
    ['text', {text: 'hello'}, 'ok'],
    [
      'blocks of every kind alerts use',
      {
        text: 'fallback',
        blocks: [
          header('down'),
          section('*api* is down'),
          {type: 'divider'},
          {type: 'context', elements: [{type: 'mrkdwn', text: 'r-2'}]},
          {
            type: 'actions',
            elements: [{type: 'button', text: {type: 'plain_text', text: 'Open'}, url: 'https://shop.example'}],
          },
        ],
      },
      'ok',
    ],
    ['fields instead of text', {blocks: [{type: 'section', fields: [{type: 'mrkdwn', text: '*a*'}]}]}, 'ok'],
    ['nothing', {}, 'no_text'],
    ['no JSON', 'payload', 'invalid_payload'],
    ['a list', [], 'invalid_payload'],
    ['51 blocks', {blocks: Array.from({length: 51}, () => ({type: 'divider'}))}, 'invalid_blocks'],
    ['no block', {blocks: []}, 'invalid_blocks'],
    ['a section of 3,001 characters', {blocks: [section('x'.repeat(3_001))]}, 'invalid_blocks'],
    ['a section of 3,000', {blocks: [section('x'.repeat(3_000))]}, 'ok'],
    ['an empty section', {blocks: [{type: 'section'}]}, 'invalid_blocks'],
    ['a header with formatting', {blocks: [header('*x*', 'mrkdwn')]}, 'invalid_blocks'],
    ['a header of 151', {blocks: [header('x'.repeat(151))]}, 'invalid_blocks'],
    [
      'eleven fields',
      {blocks: [{type: 'section', fields: Array.from({length: 11}, () => ({type: 'mrkdwn', text: 'x'}))}]},
      'invalid_blocks',
    ],
    [
      'eleven things in a context',
      {blocks: [{type: 'context', elements: Array.from({length: 11}, () => ({type: 'mrkdwn', text: 'x'}))}]},
      'invalid_blocks',
    ],
    [
      'a button that runs a script',
      {
        blocks: [
          {type: 'actions', elements: [{type: 'button', text: {type: 'plain_text', text: 'x'}, url: 'javascript:1'}]},
        ],
      },
      'invalid_blocks',
    ],
    [
      'two blocks of one id',
      {
        blocks: [
          {type: 'divider', block_id: 'a'},
          {type: 'divider', block_id: 'a'},
        ],
      },
      'invalid_blocks',
    ],
    ['an invented block', {blocks: [{type: 'marquee'}]}, 'invalid_blocks'],
  ])('Slack and %s', async (_what, message, answer) => {
    await using hooks = await startWebhooks();
    expect(await (await post(hooks.slackUrl, message)).text()).toBe(answer);
    expect(hooks.deliveries.length).toBe(answer === 'ok' ? 1 : 0);
  });

  test('Slack slows down senders, and knows only its own hooks', async () => {
    let nowMs = 0;
    await using hooks = await startWebhooks({slackBurst: 1, now: () => nowMs});
    const statuses = [(await post(hooks.slackUrl, {text: 'a'})).status];
    const slowed = await post(hooks.slackUrl, {text: 'b'});
    nowMs += 1_000;
    statuses.push(slowed.status, (await post(hooks.slackUrl, {text: 'c'})).status);
    expect([statuses, slowed.headers.get('retry-after')]).toEqual([[200, 429, 200], '1']);
    expect((await post(`${hooks.url}/services/T/B/other`, {text: 'a'})).status).toBe(404);
    expect((await fetch(hooks.slackUrl)).status).toBe(405);
  });

  test('a signed message is taken only with its own signature, in time', async () => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    await using hooks = await startWebhooks({secret: `whsec_${key.toString('base64')}`});
    const body = JSON.stringify({event: 'rolled-back', release: 'r-2'});
    const sign = (text: string, atS: number, id = 'msg_1') => ({
      'webhook-id': id,
      'webhook-timestamp': String(atS),
      'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${atS}.${text}`).digest('base64')}`,
    });
    const nowS = Math.floor(Date.now() / 1_000);
    expect((await post(hooks.signedUrl, body, sign(body, nowS))).status).toBe(204);
    expect((await post(hooks.signedUrl, body, sign('other', nowS))).status).toBe(401);
    expect((await post(hooks.signedUrl, body, sign(body, nowS - 600))).status).toBe(401);
    expect((await post(hooks.signedUrl, body)).status).toBe(401);
    expect(hooks.deliveries).toMatchObject([{to: 'signed', id: 'msg_1', body: {release: 'r-2'}}]);
  });

  test('a lost answer leaves the message delivered', async () => {
    await using hooks = await startWebhooks();
    hooks.faults.push({route: 'POST /plain', fault: {kind: 'close-after'}});
    await expect(post(hooks.plainUrl, {a: 1})).rejects.toThrow();
    expect(hooks.deliveries).toMatchObject([{to: 'plain', body: {a: 1}}]);
  });
});
