import { replayFamily } from './replay.ts';

replayFamily('managed-identity');
