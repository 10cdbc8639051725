"""What happened, as versioned records: events, sinks, reader, verification."""

from __future__ import annotations

from cascade.trace.content import ContentRule as ContentRule
from cascade.trace.content import Redactor as Redactor
from cascade.trace.content import content_of as content_of
from cascade.trace.content import messages_sha256 as messages_sha256
from cascade.trace.events import AttemptFailed as AttemptFailed
from cascade.trace.events import AttemptFinished as AttemptFinished
from cascade.trace.events import AttemptRetried as AttemptRetried
from cascade.trace.events import AttemptStarted as AttemptStarted
from cascade.trace.events import ChargeRecord as ChargeRecord
from cascade.trace.events import Content as Content
from cascade.trace.events import DiagnosticRecord as DiagnosticRecord
from cascade.trace.events import Event as Event
from cascade.trace.events import NodeFinished as NodeFinished
from cascade.trace.events import OptionRecord as OptionRecord
from cascade.trace.events import PolicyDecided as PolicyDecided
from cascade.trace.events import PriceRecord as PriceRecord
from cascade.trace.events import RouteDecided as RouteDecided
from cascade.trace.events import RunFinished as RunFinished
from cascade.trace.events import RunStarted as RunStarted
from cascade.trace.events import TaskFinished as TaskFinished
from cascade.trace.events import TaskResumed as TaskResumed
from cascade.trace.events import TaskStarted as TaskStarted
from cascade.trace.events import UsageRecord as UsageRecord
from cascade.trace.events import ValidationFinished as ValidationFinished
from cascade.trace.events import ValidatorRecord as ValidatorRecord
from cascade.trace.ids import Scope as Scope
from cascade.trace.ids import new_run_id as new_run_id
from cascade.trace.ids import new_span_id as new_span_id
from cascade.trace.ids import new_trace_id as new_trace_id
from cascade.trace.open_calls import OpenCall as OpenCall
from cascade.trace.open_calls import Progress as Progress
from cascade.trace.open_calls import progress as progress
from cascade.trace.reader import TraceLog as TraceLog
from cascade.trace.reader import read_trace as read_trace
from cascade.trace.sink import JsonLinesSink as JsonLinesSink
from cascade.trace.sink import MemorySink as MemorySink
from cascade.trace.sink import NullSink as NullSink
from cascade.trace.sink import TraceSink as TraceSink
from cascade.trace.verify import Verification as Verification
from cascade.trace.verify import verify as verify
