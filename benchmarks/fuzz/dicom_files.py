"""Valid DICOM objects of several kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .pixels import COLUMNS, ROWS, colours, noise


def item(**tags: Any) -> Any:
    """Return a data set of DICOM."""
    from pydicom.dataset import Dataset

    made = Dataset()
    for tag, value in tags.items():
        setattr(made, tag, value)
    return made


def dicom(path: Path, pixels: Any, storage: str, **tags: Any) -> Path:
    """Write one object."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(storage)
    meta.MediaStorageSOPInstanceUID = UID(tags.get("SOPInstanceUID", "1.2.3.4"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    samples = tags.get("SamplesPerPixel", 1)
    grid = pixels.shape[: pixels.ndim - (samples > 1)]
    bits = 8 * pixels.dtype.itemsize
    usual: dict[str, Any] = {"SOPClassUID": UID(storage)}
    usual |= {"SOPInstanceUID": meta.MediaStorageSOPInstanceUID}
    usual |= {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", "PatientID": "a"}
    usual |= {"SamplesPerPixel": samples, "PhotometricInterpretation": "MONOCHROME2"}
    usual |= {"Rows": grid[-2], "Columns": grid[-1], "BitsAllocated": bits, "BitsStored": bits}
    usual |= {"HighBit": bits - 1, "PixelRepresentation": int(pixels.dtype.kind == "i")}
    if samples > 1:
        usual |= {"PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}
    if len(grid) == 3:
        usual["NumberOfFrames"] = grid[0]
    compressed = tags.pop("compressed", False)
    for name, value in (usual | tags).items():
        setattr(image, name, value)
    image.PixelData = pixels.tobytes()
    image["PixelData"].VR = "OB" if bits == 8 else "OW"
    if compressed:
        image.compress(RLELossless)
    image.save_as(path, enforce_file_format=True)
    return path


def ct(folder: Path) -> Path:
    """Write a series of three slices with padding."""
    for number in range(3):
        tags: dict[str, Any] = {"Modality": "CT", "SOPInstanceUID": f"1.2.3.{number}"}
        tags |= {"ImagePositionPatient": [0, 0, 2.5 * number], "PixelSpacing": [0.5, 0.5]}
        tags |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SliceThickness": 2.5}
        tags |= {"RescaleSlope": 1, "RescaleIntercept": -1024, "PixelPaddingValue": 7}
        tags |= {"WindowCenter": 40, "WindowWidth": 400, "InstanceNumber": number + 1}
        storage = "1.2.840.10008.5.1.4.1.1.2"
        dicom(folder / f"{number}.dcm", noise(), storage, compressed=number == 1, **tags)
    return folder


def enhanced(folder: Path) -> Path:
    """Write frames each with its own place."""
    frames = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 3.0 * i])],
            FrameContentSequence=[item(DimensionIndexValues=[1, i + 1])],
        )
        for i in range(3)
    ]
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.5], SliceThickness=3)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-5)],
    )
    return dicom(
        folder / "a.dcm",
        noise(3),
        "1.2.840.10008.5.1.4.1.1.4.1",
        Modality="MR",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )


def slide(folder: Path) -> Path:
    """Write the tiles of a slide."""
    tiles = np.stack([np.moveaxis(noise(3, dtype="uint8"), 0, -1)] * 4)
    frames = [
        item(
            PlanePositionSlideSequence=[
                item(
                    ColumnPositionInTotalImagePixelMatrix=1 + COLUMNS * (i % 2),
                    RowPositionInTotalImagePixelMatrix=1 + ROWS * (i // 2),
                )
            ]
        )
        for i in range(4)
    ]
    return dicom(
        folder / "a.dcm",
        tiles,
        "1.2.840.10008.5.1.4.1.1.77.1.6",
        Modality="SM",
        SamplesPerPixel=3,
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        TotalPixelMatrixColumns=2 * COLUMNS,
        TotalPixelMatrixRows=2 * ROWS,
        SharedFunctionalGroupsSequence=[
            item(PixelMeasuresSequence=[item(PixelSpacing=[0.001, 0.001], SliceThickness=0.001)])
        ],
        PerFrameFunctionalGroupsSequence=frames,
    )


def tomogram(folder: Path) -> Path:
    """Write reconstructed slices of SPECT."""
    from pydicom.tag import Tag

    return dicom(
        folder / "a.dcm",
        noise(3),
        "1.2.840.10008.5.1.4.1.1.20",
        Modality="NM",
        ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        FrameIncrementPointer=Tag("SliceVector"),
        SliceVector=[1, 2, 3],
        NumberOfSlices=3,
        PixelSpacing=[4, 4],
        SliceThickness=4,
        SpacingBetweenSlices=-4,
        DetectorInformationSequence=[
            item(ImagePositionPatient=[-12, -16, 100], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
        ],
    )


def ultrasound(folder: Path) -> Path:
    """Write frames of colours with a region that has a size."""
    region = item(
        RegionSpatialFormat=1,
        RegionDataType=1,
        RegionFlags=0,
        RegionLocationMinX0=0,
        RegionLocationMinY0=0,
        RegionLocationMaxX1=COLUMNS - 1,
        RegionLocationMaxY1=ROWS - 1,
        PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3,
        PhysicalDeltaX=0.05,
        PhysicalDeltaY=0.05,
    )
    return dicom(
        folder / "a.dcm",
        np.stack([colours()] * 2),
        "1.2.840.10008.5.1.4.1.1.3.1",
        Modality="US",
        SamplesPerPixel=3,
        FrameTime=40,
        SequenceOfUltrasoundRegions=[region],
    )
