/** The shared tests in Firefox. */
import { declareTable } from './table_tests';

declareTable('Firefox');
