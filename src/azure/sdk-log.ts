import { AzureLogger, setLogLevel } from '@azure/logger';
import { withoutAppended } from './errors.ts';

/**
 * Passes each log line of the Azure SDK to `write`. The SDK redacts headers, bodies and query values that may be secret, but not
 * what it appends to some messages. `verbose` adds the log of MSAL. The SDK has one log for the whole process.
 */
export function bridgeSdkLog(write: (line: string) => void, level: 'info' | 'verbose'): void {
  AzureLogger.log = (...args: unknown[]) => write(withoutAppended(args.map(String).join(' ')));
  setLogLevel(level);
}
