/*
 * The command line as a library, without a terminal. A Session holds the connections to Temporal
 * and the record; close it at the end.
 */
export { Session, withSession } from './session.js';
export { processIo, type Io } from './io.js';
export type { GlobalFlags } from './settings.js';
export { CliError } from './errors.js';
export { exitCodeOf, exitCodes } from './exit-codes.js';
export { previewPlan } from './preview-plan.js';
export { newRunId, startRun, type StartedRun } from './start-run.js';
export { readRun, resolveRun, type RunReading } from './read-run.js';
export { follow, type FollowOptions } from './follow.js';
export {
  awaitVerdict,
  decisionEnvelope,
  waitToDecide,
  sendDecision,
  type DecisionRequest,
} from './decide.js';
export { listAllRuns, type RunList } from './list-runs.js';
export { readHistory, type HistoryLine } from './read-history.js';
export { gatherReport } from './gather-report.js';
export { renderHtml } from './report/html.js';
export { renderMarkdown } from './report/markdown.js';
export type { Report } from './report/report.js';
export { createProgram, runCli } from './program.js';
