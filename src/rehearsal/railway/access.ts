import {createHash} from 'node:crypto';
import type {IncomingMessage} from 'node:http';
import {GraphQLError} from 'graphql';
import type {RailwayStandInOptions} from './options.js';

/** Who asks, by header and token, and the platform's ways of saying no. */

type Subject = 'project' | 'workspace' | 'account';

export interface Access {
  readonly subject?: Subject;
  /** The refusal when no token fits. */
  readonly refusal?: string;
}

/** A project token counts only in its own header; under `Bearer` the platform looks for it elsewhere. */
export function accessOf(tokens: RailwayStandInOptions['tokens'], headers: IncomingMessage['headers']): Access {
  const project = headers['project-access-token'];
  if (project !== undefined)
    return same(project, tokens.project) ? {subject: 'project'} : {refusal: 'Project Token not found'};
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (same(bearer, tokens.account)) return {subject: 'account'};
  if (same(bearer, tokens.workspace)) return {subject: 'workspace'};
  if (same(bearer, tokens.project)) return {refusal: 'Project Token not found'};
  return {refusal: 'Not Authorized'};
}

function same(given: string | string[] | undefined, expected: string | undefined): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  return typeof given === 'string' && expected !== undefined && digest(given) === digest(expected);
}

/** An error as the platform words it; `code` defaults to the one it uses for nearly everything, null sends none. */
export function refuse(message: string, code: string | null = 'INTERNAL_SERVER_ERROR'): GraphQLError {
  return new GraphQLError(message, {extensions: {code: code ?? undefined}});
}

/** Deliberately the same for what is missing and what is forbidden. */
export function notAuthorized(): GraphQLError {
  return refuse('Not Authorized');
}

export function problemProcessing(): GraphQLError {
  return refuse('Problem processing request');
}
