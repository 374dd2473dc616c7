import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {dispatch} from '../../src/alerts/dispatch.js';
import {emailChannel} from '../../src/alerts/email.js';
import type {Channel, Message} from '../../src/alerts/message.js';
import {type Due, dueNotices, type Route, type Subject} from '../../src/alerts/routing.js';
import {slackLimits, slackPayload} from '../../src/alerts/slack.js';
import {fakeClock} from '../../src/kernel/clock.js';
import {Failure} from '../../src/kernel/errors.js';
import {type MailReceiverOptions, startMailReceiver} from '../../src/rehearsal/smtp/receiver.js';

const t0 = Date.UTC(2026, 10, 23, 12);
const message = (change: Partial<Message> = {}): Message => ({
  kind: 'alert',
  severity: 'critical',
  product: 'shop',
  key: 'i-1',
  title: 'checkout is down',
  facts: [['Services', 'checkout']],
  detail: 'expected 200, got 503',
  links: [{text: 'Run', url: 'https://github.example/run/1'}],
  sinceMs: t0,
  atMs: t0 + 120_000,
  ...change,
});

describe('mail over a real SMTP server', () => {
  const login = {user: 'watch', password: 'p@ss word'};
  const send = async (
    options: MailReceiverOptions,
    change: {server?: string; trusted?: boolean; refuse?: number[]} = {},
  ) => {
    const server = await startMailReceiver(options);
    server.refuse.push(...(change.refuse ?? []));
    const scheme = options.tls === 'implicit' ? 'smtps' : 'smtp';
    const user = options.user ? `${options.user}:${encodeURIComponent(options.password!)}@` : '';
    const address = change.server ?? `${scheme}://${user}127.0.0.1:${server.port}`;
    const channel = emailChannel('mail', {
      from: 'watch@shop.example',
      to: ['a@shop.example', 'b@shop.example'],
      server: address,
      ...(change.trusted === false ? {} : {ca: server.ca}),
    });
    try {
      await channel.send(message(), 'i-1.mail.alert.1');
      return {server, failure: undefined};
    } catch (error) {
      return {server, failure: error as Failure};
    } finally {
      await server.close();
    }
  };

  test.each(['implicit', 'starttls'] as const)('by %s TLS, with a login, to all recipients', async (tls) => {
    const {server, failure} = await send({tls, ...login});
    expect(failure).toBeUndefined();
    expect(server.mails).toHaveLength(1);
    const [mail] = server.mails;
    expect(mail).toMatchObject({secure: true, user: 'watch', to: ['a@shop.example', 'b@shop.example']});
    expect(mail!.raw).toMatch(/^Subject: Alert: checkout is down \(shop\)$/m);
    expect(mail!.raw).toMatch(/^Auto-Submitted: auto-generated$/im);
  });

  test.each<[what: string, options: MailReceiverOptions, change: Parameters<typeof send>[1], retryable: boolean]>([
    ['a server without TLS is refused before the login', {tls: 'none', ...login}, {}, false],
    ['a certificate that nobody trusts is refused', {tls: 'implicit', ...login}, {trusted: false}, true],
    ['a full mailbox is asked again later', {tls: 'starttls'}, {refuse: [452]}, true],
    ['a refused sender is not', {tls: 'starttls'}, {refuse: [550]}, false],
  ])('%s', async (_what, options, change, retryable) => {
    const {server, failure} = await send(options, change);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({code: 'ALERT_CHANNEL', retryable});
    expect(failure!.message).not.toContain('p@ss');
    expect(server.mails).toHaveLength(0);
  });

  test('the same saying has the same Message-ID, and one incident is one thread', async () => {
    const header = (raw: string, name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(raw)?.[1];
    const [one, two] = [
      (await send({tls: 'starttls'})).server.mails[0]!.raw,
      (await send({tls: 'starttls'})).server.mails[0]!.raw,
    ];
    expect(header(one, 'Message-ID')).toBe(header(two, 'Message-ID'));
    expect(header(one, 'References')).toBe(header(two, 'References'));
  });
});

test("Slack's published limits hold, whatever the message holds", () => {
  const text = fc.string({unit: fc.constantFrom('&', '<', '>', '`', 'é', '😀', 'x', '*', '\n'), maxLength: 6_000});
  fc.assert(
    fc.property(
      text,
      fc.array(fc.tuple(text, text), {maxLength: 30}),
      text,
      fc.nat(60),
      (title, facts, detail, linkCount) => {
        const links = Array.from({length: linkCount}, (_, i) => ({
          text: title || 'x',
          url: `https://a.example/${'y'.repeat(i * 90)}`,
        }));
        const payload = slackPayload(message({title, facts, detail, links})) as {text: string; blocks: any[]};
        expect(payload.text.length).toBeLessThanOrEqual(slackLimits.text);
        expect(payload.blocks.length).toBeLessThanOrEqual(slackLimits.blocks);
        for (const block of payload.blocks) {
          if (block.type === 'header') expect(block.text.text.length).toBeLessThanOrEqual(slackLimits.headerText);
          if (block.type === 'section' && block.text)
            expect(block.text.text.length).toBeLessThanOrEqual(slackLimits.sectionText);
          expect((block.fields ?? []).length).toBeLessThanOrEqual(slackLimits.fields);
          for (const field of block.fields ?? []) expect(field.text.length).toBeLessThanOrEqual(slackLimits.fieldText);
          if (block.type === 'actions') {
            expect(block.elements.length).toBeLessThanOrEqual(slackLimits.actions);
            for (const button of block.elements) {
              expect(button.text.text.length).toBeLessThanOrEqual(slackLimits.buttonText);
              expect(button.url.length).toBeLessThanOrEqual(slackLimits.buttonUrl);
            }
          }
          if (block.type === 'context') expect(block.elements.length).toBeLessThanOrEqual(slackLimits.contextElements);
        }
        // Nothing foreign is read as a mention or a link.
        expect(JSON.stringify(payload)).not.toMatch(/<[!@#h]/);
      },
    ),
    {numRuns: 60},
  );
});

describe('who is told what, and when', () => {
  const route = (change: Partial<Route> = {}): Route => ({
    channel: 'slack',
    from: 'warning',
    components: [],
    afterMs: 0,
    remindEveryMs: 0,
    ...change,
  });
  const subject = (change: Partial<Subject> = {}): Subject => ({
    id: 'i-1',
    openedMs: t0,
    severity: 'critical',
    components: ['backend'],
    notices: [],
    ...change,
  });
  const sent = (what: Subject['notices'][number]['what'], atMs = t0) => ({
    channel: 'slack',
    what,
    state: 'sent' as const,
    atMs,
  });
  const failed = (atMs: number) => ({...sent('alert', atMs), state: 'failed' as const});
  const night = {fromMinute: 22 * 60, toMinute: 7 * 60, timeZone: 'Europe/Berlin'};
  const hour = 3_600_000;

  test('several routes to one channel are one alert and one recovery', () => {
    const routes = [route({components: ['backend']}), route({components: ['frontend']}), route({from: 'critical'})];
    const both = {components: ['frontend', 'backend']};
    expect(dueNotices([subject(both)], routes, t0).map(({what}) => what)).toEqual(['alert']);
    const over = subject({...both, closedMs: t0 + 1, notices: [sent('alert')]});
    expect(dueNotices([over], routes, t0 + 2).map(({what}) => what)).toEqual(['recovery']);
  });

  test.each<[rule: string, subject: Partial<Subject>, route: Partial<Route>, nowMs: number, what: string | undefined]>([
    ['a new incident is an alert', {}, {}, t0, 'alert'],
    ['said once, it is not said again', {notices: [sent('alert')]}, {}, t0 + 9 * hour, undefined],
    ['what was being said at a kill is said again', {notices: [{...sent('alert'), state: 'sending'}]}, {}, t0, 'alert'],
    ['a failed one is not tried again at once', {notices: [failed(t0)]}, {}, t0 + 59_000, undefined],
    ['but after a minute', {notices: [failed(t0)]}, {}, t0 + 60_000, 'alert'],
    ['later and later', {notices: [failed(t0 - hour), failed(t0 - hour), failed(t0)]}, {}, t0 + 239_000, undefined],
    ['at least once an hour', {notices: Array.from({length: 40}, () => failed(t0))}, {}, t0 + hour, 'alert'],
    ['closed, it is a recovery', {closedMs: t0 + 1, notices: [sent('alert')]}, {}, t0 + 2, 'recovery'],
    ['once', {closedMs: t0 + 1, notices: [sent('alert'), sent('recovery')]}, {}, t0 + 2, undefined],
    ['no recovery where there was no alert', {closedMs: t0 + 1}, {}, t0 + 2, undefined],
    ['not severe enough', {severity: 'warning'}, {from: 'critical'}, t0, undefined],
    ['another component', {}, {components: ['frontend']}, t0, undefined],
    ['what became worse is said again', {notices: [{...sent('alert'), severity: 'warning'}]}, {}, t0 + 1, 'escalation'],
    [
      'once',
      {
        notices: [
          {...sent('alert'), severity: 'warning'},
          {...sent('escalation'), severity: 'critical'},
        ],
      },
      {},
      t0 + 1,
      undefined,
    ],
    ['an escalation waits', {}, {afterMs: hour}, t0 + hour - 1, undefined],
    ['and comes', {}, {afterMs: hour}, t0 + hour, 'escalation'],
    ['a reminder comes at its pace', {notices: [sent('alert')]}, {remindEveryMs: hour}, t0 + hour, 'reminder'],
    [
      'after the last one',
      {notices: [sent('alert'), sent('reminder', t0 + hour)]},
      {remindEveryMs: hour},
      t0 + 1.5 * hour,
      undefined,
    ],
    ['a warning is quiet at night', {severity: 'warning'}, {quiet: night}, t0 + 11 * hour, undefined],
    ['and comes in the morning', {severity: 'warning'}, {quiet: night}, t0 + 19 * hour, 'alert'],
    ['a critical one comes at night', {}, {quiet: night}, t0 + 11 * hour, 'alert'],
  ])('%s', (_rule, change, routing, nowMs, what) =>
    expect(dueNotices([subject(change)], [route(routing)], nowMs)[0]?.what).toBe(what),
  );

  test('maintenance mutes its components and no others', () => {
    const mute = [{fromMs: t0 - 1, untilMs: t0 + hour, components: ['backend']}];
    expect(dueNotices([subject()], [route()], t0, mute)).toEqual([]);
    expect(dueNotices([subject({components: ['backend', 'frontend']})], [route()], t0, mute)).toHaveLength(1);
    expect(dueNotices([subject()], [route()], t0 + hour, mute)).toHaveLength(1);
  });

  test('killed at any moment and begun again, each channel hears one alert and one recovery for each saying that ended', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(6), {maxLength: 6}), async (killAfter) => {
        const heard: string[] = [];
        const notices: Array<Subject['notices'][number]> = [];
        const channel: Channel = {name: 'slack', type: 'slack', send: async (_message, id) => void heard.push(id)};
        let nowMs = t0;
        const attempt = async (closedMs: number | undefined, effects: number) => {
          nowMs += hour;
          let left = effects;
          const alive = () => {
            if (left-- <= 0) throw new Error('killed');
          };
          const due = dueNotices([subject({notices: [...notices], closedMs})], [route()], nowMs);
          await dispatch(due, {
            channels: [
              {
                ...channel,
                send: async (one, id) => {
                  alive();
                  await channel.send(one, id);
                },
              },
            ],
            messageOf: () => message(),
            clock: fakeClock(),
            note: async (one: Due, state) => {
              alive();
              notices.push({channel: one.route.channel, what: one.what, state, atMs: nowMs});
            },
          }).catch(() => undefined);
        };
        for (const effects of killAfter) await attempt(undefined, effects);
        await attempt(undefined, 99);
        for (const effects of killAfter) await attempt(t0 + 1, effects);
        await attempt(t0 + 1, 99);
        // A saying whose note was lost is repeated under its own id: receivers know it as one.
        expect([...new Set(heard)]).toEqual(['i-1.slack.alert.1', 'i-1.slack.recovery.1']);
      }),
    );
  });
});
