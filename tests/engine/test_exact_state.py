"""Items of the state that few trainings have are restored too."""
