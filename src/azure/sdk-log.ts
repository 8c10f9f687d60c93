import { AzureLogger, setLogLevel } from '@azure/logger';
import { withoutAppended } from './errors.ts';

/**
 * Hands each line that the Azure SDK logs to `write`. The SDK itself blanks headers, bodies and query values that may be
 * secret, but not what it appends to some messages. `verbose` adds the log of MSAL. The SDK has one log for the whole process.
 */
export function bridgeSdkLog(write: (line: string) => void, level: 'info' | 'verbose'): void {
  AzureLogger.log = (...args: unknown[]) => write(withoutAppended(args.map(String).join(' ')));
  setLogLevel(level);
}
