import { describeEncoders } from './encoders.ts';
import { DAY_AND_TIME_CASES } from './time-cases.ts';

describeEncoders('dates and times', DAY_AND_TIME_CASES);
