"""List of the active jobs with progress bars and cancel buttons."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QProgressBar, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from .. import formatting
from ..jobs.job import Job
from ..jobs.queue import JobQueue


class Row(QWidget):
    """A text, a progress bar and a cancel button.

    Parameters
    ----------
    stop
        Called when the cancel button is clicked.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self.text = QElidingLabel()
        self.text.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.cancel_button = QToolButton()
        self.cancel_button.setText("✕")
        self.cancel_button.clicked.connect(stop)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setVerticalSpacing(2)
        layout.addWidget(self.text, 0, 0)
        layout.addWidget(self.bar, 1, 0)
        layout.addWidget(self.cancel_button, 0, 1, 2, 1)
        layout.setColumnStretch(0, 1)


class JobRow(Row):
    """Progress of one job."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.cancel)
        self.job = job
        self.cancel_button.setToolTip("Stop this run; nothing is added")
        self.cancel_button.setAccessibleName(f"Cancel {job.name}")
        job.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Update text and bar."""
        step = self.job.progress
        self.bar.setValue(0 if step is None else round(1000 * step.done))
        self.cancel_button.setEnabled(self.job.state != "cancelling")
        self.text.setText(f"{self.job.name}: {progress_text(self.job)}")


class AllRow(Row):
    """Progress of all jobs together, visible if there is more than one."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__(queue.cancel_all)
        self.queue = queue
        self.cancel_button.setToolTip("Stop all runs; layers that are done stay")
        self.cancel_button.setAccessibleName("Cancel all")

    def refresh(self) -> None:
        """Update visibility, text and bar."""
        finished, jobs = self.queue.finished, self.queue.jobs
        self.setVisible(finished + len(jobs) > 1)
        self.bar.setValue(round(1000 * self.queue.done))
        self.cancel_button.setEnabled(any(job.state != "cancelling" for job in jobs))
        self.text.setText(f"All: {finished} of {finished + len(jobs)} done")


class JobList(QWidget):
    """Rows of the unfinished jobs of a viewer."""

    def __init__(self, queue: JobQueue) -> None:
        super().__init__()
        self.queue = queue
        self.rows: list[JobRow] = []
        self.all = AllRow(queue)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.all)
        queue.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Add rows of new jobs and remove those of finished jobs."""
        layout = self.layout()
        assert layout is not None
        for row in [r for r in self.rows if r.job not in self.queue.jobs]:
            self.rows.remove(row)
            layout.removeWidget(row)
            row.job.changed.disconnect(row.refresh)
            row.hide()
            row.deleteLater()
        shown = [row.job for row in self.rows]
        for job in self.queue.jobs:
            if job not in shown:
                self.rows.append(JobRow(job))
                layout.addWidget(self.rows[-1])
        self.all.refresh()

    def disconnect_all(self) -> None:
        """Disconnect from the queue and the jobs, before the widget is deleted."""
        self.queue.changed.disconnect(self.refresh)
        for row in self.rows:
            row.job.changed.disconnect(row.refresh)


def progress_text(job: Job) -> str:
    """Format the progress of a job: ``reading…``, ``tile 14 of 36 · 6 s left``."""
    if job.state == "waiting":
        return "waiting"
    if job.state == "cancelling":
        return "stopping…"
    if job.progress is None:
        return "starting…"
    if getattr(job.progress, "stage", "computing") == "reading":
        return "reading…"
    step, left = job.progress, job.seconds_left
    tile = f"tile {min(step.tiles + 1, step.total)} of {step.total}"
    return tile if left is None else f"{tile} · {formatting.format_duration(left)} left"
