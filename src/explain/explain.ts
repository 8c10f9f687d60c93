import { CATALOGUE, WARNINGS } from './catalogue.ts';
import { type Check, type CheckName, checksOf, failingCheck } from './checks.ts';
import { type Case, type Evidence, type Finding, gatherEvidence } from './evidence.ts';
import { type Facts, NO_FACTS } from './facts.ts';
import type { Failure, Outcome } from './outcome.ts';
import { outcomeOf } from './plain-error.ts';
import type { Row } from './row.ts';
import { unknownRow } from './unknown.ts';

/** Why there is no list, or what works but smells, and what to do about it. */
export interface Diagnosis {
  /** A stable identifier, such as `clock-skew`. */
  reason: string;
  /** One phrase for each reason, without values. */
  title: string;
  /** One sentence: what is wrong here, with the actual values. */
  problem: string;
  /** One or two short sentences: what to do. */
  hint: string;
  /** Complete lines for bash, in the order in which to run them; may be empty. */
  commands: readonly string[];
  /** The original message that decided it, unchanged. */
  detail: string;
  documentation?: string;
}

/** What an outcome means. */
export interface Explanation {
  /** Why there is no list (or no token, if only a token was asked for); null if there is one. */
  failure: Diagnosis | null;
  /** What works but smells; empty if there is no token. */
  warnings: readonly Diagnosis[];
  /** All checks, in order. */
  checks: readonly Check[];
  /** The check that the reason of the failure belongs to. The checks come from the evidence alone, and the two agree. */
  check: CheckName | null;
  /** The error behind the failure, for the log; null without a failure. */
  original: OriginalError | null;
}

/** The informative fields of an error; missing ones are left out. */
export interface OriginalError {
  name: string;
  message: string;
  /** Azure's error code, a system errno, or the number of an AADSTS error. */
  code?: string | number;
  /** HTTP status. */
  status?: number;
}

/**
 * Explains an outcome, or an error of @azure/identity or of an ARM client; with the facts of `gatherFacts`, more exactly. It never
 * fails, asks nothing and reads nothing but its arguments.
 *
 * @example
 * try { … } catch (error) { console.error(explain(error)) }
 */
export function explain(subject: unknown, facts: Facts = NO_FACTS): Explanation {
  const outcome = isOutcome(subject)
    ? { ...subject, facts: { ...NO_FACTS, ...subject.facts } }
    : outcomeOf(subject, facts);
  const evidence = gatherEvidence(outcome);
  const found = outcome.failure ? recognize(evidence) : undefined;
  // One diagnosis of a reason is enough.
  const warnings = warningsOf(outcome, evidence).filter(({ row }) => row.reason !== found?.row.reason);
  return {
    failure: found?.diagnosis ?? null,
    check: found?.row.check ?? null,
    original: found && outcome.failure ? originalError(found.finding, outcome.failure) : null,
    warnings: warnings.map(({ diagnosis }) => diagnosis),
    checks: checksOf(evidence, {
      failure: found?.diagnosis.reason,
      warnings: new Map<CheckName, string>(
        warnings.toReversed().map(({ row, diagnosis }) => [row.check, diagnosis.reason]),
      ),
      isTokenOnly: outcome.failure === null && outcome.list === null,
    }),
  };
}

/** Only its shape: one that was sent or stored may lack facts. */
function isOutcome(subject: unknown): subject is Outcome {
  return typeof subject === 'object' && subject !== null && 'attempts' in subject && 'facts' in subject;
}

interface Recognized {
  row: Row;
  finding: Finding;
  diagnosis: Diagnosis;
}

function warningsOf(outcome: Outcome, evidence: Evidence): Recognized[] {
  const { identity, renewal } = outcome;
  if (!identity || evidence.findings.length > 0) return [];
  // Warnings are about the token, whatever became of the list.
  const about = { ...evidence, failure: undefined, resourceManager: undefined };
  const found: Recognized[] = [];
  for (const row of WARNINGS) {
    const isSaid = found.some(({ diagnosis }) => diagnosis.reason === row.reason);
    const warning = isSaid ? undefined : applied(row, about);
    if (warning) found.push(warning);
  }
  if (!renewal) return found;
  // The token still works. Why it cannot be renewed has a diagnosis of its own, and the warning belongs to the token.
  const { row, finding, diagnosis } = recognize(gatherEvidence(outcome, renewal));
  const problem = `The token still works, but it cannot be renewed. ${diagnosis.problem}`;
  return [...found, { row: { ...row, check: 'token' }, finding, diagnosis: { ...diagnosis, problem } }];
}

function originalError(finding: Finding, failure: Failure): OriginalError {
  const { errorName, message, aadsts, networkCode, errorCode, status } = finding;
  const code = aadsts ?? networkCode ?? errorCode ?? failure.code;
  return {
    name: errorName ?? failure.errorName ?? 'Error',
    message: message || failure.message,
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status }),
  };
}

/** What a row says, if it matches. */
function applied(row: Row, evidence: Evidence): Recognized | undefined {
  try {
    const finding = row.when(evidence);
    return finding && written(row, { ...evidence, finding });
  } catch {
    // A row that throws for unexpected evidence does not match.
    return undefined;
  }
}

function recognize(evidence: Evidence): Recognized {
  for (const row of CATALOGUE) {
    const recognized = applied(row, evidence);
    if (recognized) return recognized;
  }
  const finding = evidence.resourceManager ?? evidence.findings.find(({ outcome }) => outcome === 'failed');
  return written(unknownRow(failingCheck(evidence)), { ...evidence, finding: finding ?? NO_FINDING });
}

/** For a failure before anything was asked. */
const NO_FINDING: Finding = {
  name: '',
  outcome: 'failed',
  responder: 'not-asked',
  message: '',
  summary: '',
  text: {},
};

function written(row: Row, about: Case): Recognized {
  const { reason, title, problem, hint, commands, documentation } = row;
  const link = typeof documentation === 'function' ? documentation(about) : documentation;
  return {
    row,
    finding: about.finding,
    diagnosis: {
      reason,
      title,
      problem: problem(about),
      hint: hint(about),
      commands: commands?.(about) ?? [],
      detail: about.finding.message || (about.failure?.message ?? ''),
      ...(link !== undefined && { documentation: link }),
    },
  };
}
