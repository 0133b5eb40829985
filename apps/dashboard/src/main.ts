import { h, render } from 'preact';

import { App } from './components/app.tsx';
import { startClock } from './state/clock.ts';
import { followAddress } from './state/navigation.ts';
import { start } from './state/store.ts';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no #app.');

followAddress();
startClock();
render(h(App, {}), root);
void start();
