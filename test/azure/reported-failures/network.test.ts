import { replayFamily } from './replay.ts';

replayFamily('network');
