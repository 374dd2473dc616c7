import {type Channel, headline, type Message, utc} from './message.js';

/** GitHub issues as the alerts need them; src/release/incident.ts has them. */
export interface IssueBook {
  /** Opens the issue of this key, or adds a comment to it when it is open. */
  report(key: string, title: string, body: string): Promise<void>;
  /** Closes the issue of this key with a last comment; nothing when none is open. */
  close(key: string, comment: string): Promise<void>;
}

/** One issue an incident: opened by the alert, commented by reminders, closed by the recovery. */
export function issueChannel(name: string, book: IssueBook, escape: (text: string) => string): Channel {
  return {
    name,
    type: 'github-issue',
    send: async (message) => {
      const body = issueBody(message, escape);
      if (message.kind === 'recovery') await book.close(message.key, body);
      else await book.report(message.key, headline(message), body);
      if (message.kind === 'sample') await book.close(message.key, 'The test is over.');
    },
  };
}

/** @param escape makes foreign text harmless in markdown. */
export function issueBody(message: Message, escape: (text: string) => string): string {
  return [
    `**${escape(headline(message))}**`,
    '',
    '| | |',
    '|---|---|',
    ...message.facts.map(([label, value]) => `| ${escape(label)} | ${escape(value)} |`),
    `| Began | ${utc(message.sinceMs)} |`,
    ...(message.detail ? ['', `> ${escape(message.detail)}`] : []),
    ...(message.links.length ? ['', message.links.map(({text, url}) => `[${escape(text)}](${url})`).join(' · ')] : []),
  ].join('\n');
}
