import { AzureLogger, setLogLevel } from '@azure/logger';
import { fromOutside } from '../redaction.ts';
import { withoutAppended } from './errors.ts';

/** Long enough for a request with all its headers. */
const MAX_LENGTH = 8000;

/**
 * Passes each log line of the Azure SDK to `write`. The SDK redacts headers, bodies and query values that may be secret, but not
 * what it appends to some messages. `verbose` adds the log of MSAL. The SDK has one log for the whole process.
 */
export function bridgeSdkLog(write: (line: string) => void, level: 'info' | 'verbose'): void {
  AzureLogger.log = (...args: unknown[]) => write(fromOutside(withoutAppended(args.map(String).join(' ')), MAX_LENGTH));
  setLogLevel(level);
}
