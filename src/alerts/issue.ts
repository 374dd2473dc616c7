import {type Channel, headline, type Message, utc} from './message.js';

/** GitHub issues as the alerts need them; src/release/incident.ts has them. */
export interface IssueBook {
  /** Opens the issue of this key, or adds a comment to it when it is open. */
  report(key: string, title: string, body: string): Promise<void>;
  /** Closes the issue of this key with a last comment; nothing when none is open. */
  close(key: string, comment: string): Promise<void>;
}

/** One issue an incident: opened by the alert, commented by reminders, closed by the recovery. */
export function issueChannel(name: string, book: IssueBook, escaped: (text: string) => string): Channel {
  return {
    name,
    type: 'github-issue',
    send: async (message) => {
      const body = issueBody(message, escaped);
      if (message.kind === 'recovery') await book.close(message.key, body);
      else await book.report(message.key, headline(message), body);
      if (message.kind === 'sample') await book.close(message.key, 'The test is over.');
    },
  };
}

/** @param escaped makes foreign text harmless in markdown. */
export function issueBody(message: Message, escaped: (text: string) => string): string {
  return [
    `**${escaped(headline(message))}**`,
    '',
    '| | |',
    '|---|---|',
    ...message.facts.map(([label, value]) => `| ${escaped(label)} | ${escaped(value)} |`),
    `| Began | ${utc(message.sinceMs)} |`,
    ...(message.detail ? ['', `> ${escaped(message.detail)}`] : []),
    ...(message.links.length ? ['', message.links.map(({text, url}) => `[${escaped(text)}](${url})`).join(' · ')] : []),
  ].join('\n');
}
